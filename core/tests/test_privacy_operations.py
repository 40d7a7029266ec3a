"""Whatever is done, in any order: nothing private arrives at a remote component that is not named.

Private images carry a mark in every row of their pixels, in their file, and in every text about
them. The remote components of `faraway` send all that they are given, and what they can find, to a
server on loopback, which counts the marks it receives.
"""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from imagerag import Collection, ImageRAG, Query, Reference, Run, Session, replay
from imagerag.errors import CapabilityError, ImageRAGError
from imagerag.roles import Found
from imagerag.testing import registry
from imagerag.values import Hit

HERE = Path(__file__).parent
ANIMALS = ("hedgehog", "axolotl", "okapi", "quokka", "pangolin", "narwhal")
SIDE = 16
MOST = 24
"""Items of the collection, which keeps each operation short."""


@pytest.fixture
def far(monkeypatch):
    """The remote components, and the server that they send to."""
    monkeypatch.syspath_prepend(str(HERE))
    from faraway import parts, server

    made = server.Server()
    server.Wire.open(made.port)
    parts.SOUGHT.clear()
    yield made
    server.Wire.close()
    made.close()


class World:
    """A collection under way, and the operations on it, drawn from one seed."""

    def __init__(self, folder, server, seed):
        from faraway.parts import SOUGHT

        self.random = random.Random(seed)
        self.server, self.sought = server, SOUGHT
        self.plugins = registry("faraway.plugin")
        self.path = folder / "pool"
        self.collection = Collection.create(self.path)
        self.folder = folder
        self.files: dict[str, Path] = {}
        self.number = 0
        self.runs: list[tuple[dict, list]] = []
        self.done, self.refused, self.decided = Counter(), Counter(), Counter()
        self.used_private = 0
        for _ in range(4):
            self.add_public()
            self.add_private()

    # What changes the collection

    def add_public(self):
        self._add(private=False)

    def add_private(self):
        self._add(private=True)

    def make_private(self):
        """Add public bytes again as private; what was known of them counts as public no more."""
        item = self._some(private=False)
        if item is not None:
            self.collection.add([Found("again", self.files[item.id])], private=True)
            if self.collection.get(item.id).private:
                self.done["turned private"] += 1
                self._track()

    def remove(self):
        item = self._some()
        if item is not None:
            self.collection.remove([item.id])
            self._track()

    # What reads it

    def generate(self):
        values, remote = self._configuration()
        values["loop"]["allow_remote"] = self._some_of(remote)
        images = self._images()
        with ImageRAG.from_config(values, registry=self.plugins, progress=False) as rag:
            run = rag.generate(f"a {self.random.choice(ANIMALS)} on a hill", images=images)
        self.decided.update(d.decision for d in run.decisions)
        private = [u for u in run.kept_painting.references if u.private]
        assert not (private and remote), "a private reference beside a remote component"
        self.used_private += bool(private)
        self.runs = [*self.runs[-5:], (run.to_json(), images)]

    def search(self):
        values, remote = self._configuration()
        values["loop"]["allow_remote"] = self._some_of(remote)
        with Session.from_config(values, registry=self.plugins) as session:
            session.privacy.sync()
            query = Query(text=self.random.choice(ANIMALS))
            if self.random.random() < 0.3:
                query = Query(image=Image.new("RGB", (SIDE, SIDE), "red"))
            session.retriever.search([query], 3)

    def replay(self):
        """Replay a run beside remote components, some of them with a private id forged into it."""
        if not self.runs:
            return
        record, images = self.random.choice(self.runs)
        text = json.dumps(record)
        if self.sought and self.random.random() < 0.5:
            for item in list(self.collection.items(private=False)):
                text = text.replace(item.id, self.random.choice(self.sought))
        record = json.loads(text)
        if self.random.random() < 0.5:
            record["config"]["generator"] = {"use": "far-generator", "width": SIDE, "height": SIDE}
        record["config"]["loop"]["allow_remote"] = ["far-generator", "far-retriever", "far-critic"]
        allowed = self.random.sample(["far-generator", "far-retriever", "far-encoder"], 2)
        replay(Run.from_json(record), images=images, registry=self.plugins, allow_remote=allowed)

    def step(self):
        """Do one thing; a refusal is as good as an answer."""
        weights = {"generate": 12, "search": 4, "replay": 4, "add_public": 2, "add_private": 2}
        weights |= {"make_private": 1, "remove": 2}
        if len(self.collection) > MOST:
            weights["remove"] += 10
        [name] = self.random.choices(list(weights), list(weights.values()))
        self.server.allowed = ()
        try:
            getattr(self, name)()
            self.done[name] += 1
        except ImageRAGError as error:
            self.refused[f"{name} {type(error).__name__}"] += 1

    # How it is drawn

    def _configuration(self):
        """Return a configuration with up to some remote components, and their names."""
        draw, encoder = self.random, self._encoder()
        choice = {
            "generator": draw.choice(["copying", "copying", "far-generator"]),
            "conditioner": draw.choice(["plain", "plain", "plain", "far-conditioner"]),
            "critic": draw.choice(["scripted", "scripted", "far-critic"]),
        }
        critic = {
            "use": choice["critic"],
            "answers": [f"missing: {', '.join(draw.sample(ANIMALS, draw.randint(1, 2)))}"],
            "better": draw.choice(["a", "b"]),
        }
        values = {
            "collection": str(self.path),
            "generator": {"use": choice["generator"], "width": SIDE, "height": SIDE},
            "conditioner": {"use": choice["conditioner"]},
            "critic": critic,
            "encoder": {"use": encoder},
            "retriever": self._retriever(),
            "loop": {
                "gate": draw.choice(["draft", "draft", "always", "prompt", "never"]),
                "keep": draw.choice(["best", "last"]),
                "rounds": draw.randint(1, 2),
                "query": draw.choice(["caption", "concept", "prompt"]),
                "images_per_concept": draw.randint(1, 2),
                "where": draw.choice([{}, {}, {"private": True}, {"tags": ["animal"]}]),
            },
        }
        reranker = draw.choice(
            [
                *(None, None, {"use": "far-reranker"}, {"use": "asking"}, {"use": "critic"}),
                {"use": "critic", "critic": {"use": "far-critic", "order": [1, 0]}},
                {"use": "asking", "critic": {"use": "far-critic"}},
            ]
        )
        if reranker:
            values["reranker"] = reranker
        remote = sorted({name for name in _names(values) if name.startswith("far-")})
        return values, remote

    def _encoder(self):
        return self.random.choice(["hashing"] * 4 + ["far-encoder"])

    def _retriever(self):
        return self.random.choice(
            [
                *[{"use": "memory"}] * 4,
                {"use": "heedless"},
                {"use": "asking"},
                {"use": "far-retriever"},
                {"use": "union", "of": [{"use": "memory"}, {"use": "heedless"}]},
                {"use": "union", "of": [{"use": "memory", "encoder": {"use": "far-encoder"}}]},
                {"use": "union", "of": [{"use": "memory"}, {"use": "far-retriever"}]},
                {"use": "asking", "critic": {"use": "far-critic"}},
            ]
        )

    def _some_of(self, remote):
        """Return names that are allowed now, but never all of those that take part."""
        most = max(0, len(remote) - 1)
        self.server.allowed = tuple(self.random.sample(remote, self.random.randint(0, most)))
        return [*self.server.allowed, "nobody"]

    def _images(self):
        """Return what a user might give: nothing, a stranger's image, or a private one."""
        kind = self.random.random()
        item = self._some(private=True)
        if kind < 0.7 or (kind >= 0.8 and item is None):
            return []
        if kind < 0.8:
            return [Image.new("RGB", (SIDE, SIDE), self.random.choice(["red", "navy"]))]
        if kind < 0.9:
            return [self.files[item.id]]
        picture = self.collection.image(item.id)
        return [Reference(picture, "mine", hit=Hit(item, 1.0), digest=item.id)]

    def _some(self, private=None):
        items = list(self.collection.items(private))
        return self.random.choice(items) if items else None

    def _add(self, private):
        self.number += 1
        animal = self.random.choice(ANIMALS)
        mark = f"CANARY{self.number} " if private else ""
        file = self.folder / f"{'CANARY' if private else 'plain'}-{self.number}.png"
        file.write_bytes(_picture(self.number, private))
        one = Found(
            name=file.name,
            path=file,
            caption=f"{mark}a photo of a {animal}",
            licence=f"{mark}CC0-1.0",
            creator=f"{mark}Ann",
            source=f"{mark}https://example.org/{file.name}",
            tags=("animal", f"{mark}tag"),
        )
        self.collection.add([one], private=private)
        from hashlib import sha256

        self.files[sha256(file.read_bytes()).hexdigest()] = file
        self._track()

    def _track(self):
        """Tell the components which ids to look for, and the server which vectors are secret."""
        self.sought[:] = [item.id for item in self.collection.items(private=True)]
        with Session.from_config({"encoder": {"use": "hashing"}}, registry=self.plugins) as session:
            marked = [i for i in self.sought if "CANARY" in self.collection.get(i).caption]
            pictures = [self.collection.image(one) for one in marked]
            if pictures:
                vectors = session.encoder.encode_images(pictures)
                self.collection.put_vectors("hashing-64", marked, vectors)
                self.server.secret_vectors |= {vector.tobytes() for vector in vectors}


def _picture(number, private):
    """Return a PNG; a private one has the mark in each row, and as text in the file."""
    rows = random.Random(number).randbytes(SIDE * SIDE * 3)
    about = PngImagePlugin.PngInfo()
    if private:
        width = SIDE * 3
        marked = [b"CANARY" + rows[y * width + 6 : (y + 1) * width] for y in range(SIDE)]
        rows = b"".join(marked)
        about.add_text("Comment", "CANARY")
    buffer = io.BytesIO()
    Image.frombytes("RGB", (SIDE, SIDE), rows).save(buffer, "PNG", pnginfo=about)
    return buffer.getvalue()


def _names(values):
    """Yield the names of all components in a configuration, however deep."""
    for key, value in values.items():
        if key == "use":
            yield value
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                yield from _names(inner)


def carry_out(tmp_path, far, steps, seed):
    world = World(tmp_path, far, seed)
    try:
        for _ in range(steps):
            world.step()
        return world
    finally:
        world.collection.close()


def check(world, far, steps):
    print(f"{steps} operations: done {dict(world.done)}, refused {dict(world.refused)}")
    print(f"{sum(far.received.values())} requests, {far.bytes} bytes: {dict(far.received)}")
    print(f"private bytes received: {sum(far.private.values())} {dict(far.private)}")
    assert sum(far.private.values()) == 0, far.private
    # What this is worth: all of it happened, again and again.
    assert set(far.received) >= {"generator", "critic", "encoder", "reranker", "conditioner"}
    assert far.received["retriever"] == 0 or world.done["search"]
    assert sum(far.received.values()) > steps // 2
    assert world.decided["leave private images out"] > steps // 100
    assert world.used_private > steps // 100, "private images are of use where all is local"
    assert world.refused["generate CapabilityError"] > steps // 100
    assert world.refused["replay RecordError"] > 0
    assert world.done["replay"] > 0
    assert world.done["turned private"] > 0


def test_nothing_private_arrives_in_a_thousand_operations(tmp_path, far):
    check(carry_out(tmp_path, far, 1_000, seed=1), far, 1_000)


@pytest.mark.long
@pytest.mark.parametrize("seed", [2, 3])
def test_nothing_private_arrives_in_ten_thousand_operations(tmp_path, far, seed):
    check(carry_out(tmp_path, far, 10_000, seed), far, 10_000)


# The marks are found where they do arrive: without this, the tests above would prove nothing.


@pytest.mark.parametrize(
    ("role", "table"),
    [
        ("generator", {"use": "far-generator", "width": SIDE, "height": SIDE}),
        ("critic", {"use": "far-critic", "answers": ["missing: hedgehog"]}),
        ("encoder", {"use": "far-encoder"}),
        ("conditioner", {"use": "far-conditioner"}),
        ("reranker", {"use": "far-reranker"}),
        ("retriever", {"use": "far-retriever"}),
    ],
)
@pytest.mark.parametrize("allowed", [True, False])
def test_what_is_allowed_by_name_does_arrive(tmp_path, far, role, table, allowed):
    world = World(tmp_path, far, seed=5)
    values = {
        "collection": str(world.path),
        "generator": {"use": "copying", "width": SIDE, "height": SIDE},
        "conditioner": {"use": "plain"},
        "critic": {"use": "scripted", "answers": ["missing: hedgehog"]},
        "encoder": {"use": "hashing"},
        "retriever": {"use": "memory"},
        "loop": {
            "allow_remote": [table["use"]] if allowed else ["someone-else"],
            "where": {"private": True} if allowed else {},
        },
        role: table,
    }
    refused = not allowed and role in ("encoder", "retriever")
    with (
        ImageRAG.from_config(values, registry=world.plugins, progress=False) as rag,
        pytest.raises(CapabilityError) if refused else nullcontext(),
    ):
        rag.generate("a hedgehog on a hill")
    world.collection.close()
    assert bool(far.private[role]) == allowed, (far.received, far.private)
