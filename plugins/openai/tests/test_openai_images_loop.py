"""The whole loop with `gpt-image` against a loopback server: requests, record, secrets, privacy."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image

from imagerag import ImageRAG, save
from imagerag.collection import Collection
from imagerag.errors import CredentialsError
from imagerag.roles import Found
from imagerag.testing import LoopbackVLM, registry

KEY = "sk-canary-1234567890"
PROMPT = "a hedgehog on a red kite"


def png(colour):
    buffer = io.BytesIO()
    Image.new("RGB", (12, 8), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def pool(tmp_path, monkeypatch):
    """A collection with two pictures, one of them private, both of a hedgehog."""
    monkeypatch.setenv("IMAGERAG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    place = tmp_path / "home/collections/pool"
    with Collection.create(place, "pool") as collection:
        shown = [Found("a.png", data=png("green"), caption="a photo of a hedgehog")]
        hidden = [Found("b.png", data=png("red"), caption="a photo of a hedgehog of mine")]
        assert collection.add(shown).added == collection.add(hidden, private=True).added == 1


@pytest.fixture
def rag(pool):
    """Build the loop for a server; closed when the test ends."""
    opened = []

    def build(server, **generator):
        table = {"use": "gpt-image", "base_url": server.openai_url, "size": [48, 32], **generator}
        config = {
            "collection": "pool",
            "generator": table,
            "conditioner": {"use": "gpt-image"},
            "critic": {"use": "scripted", "answers": ["missing: hedgehog"]},
            "encoder": {"use": "hashing"},
            "retriever": {"use": "memory"},
            "loop": {"min_score": 0.0, "images_per_concept": 2},
        }
        plugins = registry("imagerag_openai.plugin")
        opened.append(ImageRAG.from_config(config, progress=False, registry=plugins))
        return opened[-1]

    yield build
    for each in opened:
        each.close()


def test_draft_and_result_are_asked_for_and_told_in_the_record(rag):
    with LoopbackVLM(key=KEY) as server:
        run = rag(server).generate(PROMPT, seed=3)
    draft, result = server.requests
    assert (draft.path, draft.text, draft.images) == ("/v1/images/generations", PROMPT, ())
    assert result.path == "/v1/images/edits"
    assert result.text == (
        'Image 1 shows "a photo of a hedgehog". With this image as a reference, generate: ' + PROMPT
    )
    assert [image.image.getpixel((0, 0)) for image in result.images] == [(0, 128, 0)]
    assert [reference.caption for reference in run.references] == ["a photo of a hedgehog"]
    lines = [line for line in run.ledger if line.component.startswith("generator")]
    assert [(line.component, line.outcome, line.images) for line in lines] == [
        ("generator gpt-image", "painted", 0),
        ("generator gpt-image", "painted", 1),
    ]
    assert any("no seed" in decision.reason for decision in run.decisions)


def test_the_users_own_images_come_before_what_was_found(rag):
    own = Image.new("RGB", (10, 10), "blue")
    with LoopbackVLM() as server:
        rag(server).generate(PROMPT, seed=3, images=[own])
    draft, result = server.requests
    assert [image.image.getpixel((0, 0)) for image in draft.images] == [(0, 0, 255)]
    assert [image.image.getpixel((0, 0)) for image in result.images] == [(0, 0, 255), (0, 128, 0)]
    assert result.text.startswith('Image 1 is a reference. Image 2 shows "a photo of a hedgehog".')


def test_private_images_never_leave(rag):
    with LoopbackVLM() as server:
        run = rag(server).generate("a photo of a hedgehog of mine", seed=3)
    sent = [image for request in server.requests for image in request.images]
    assert (255, 0, 0) not in [image.image.getpixel((0, 0)) for image in sent]
    assert any("private" in decision.decision for decision in run.decisions)


def test_the_key_is_in_nothing_that_is_written(rag, tmp_path, capfd):
    with LoopbackVLM(key=KEY) as server:
        opened = rag(server)
        run = opened.generate(PROMPT, seed=3)
        save(run, tmp_path / "picture.png")
        told = json.dumps(run.to_json())
        opened.close()
        assert all(r.key_arrived and not r.key_leaked for r in server.requests)
    output = capfd.readouterr()
    assert KEY not in told + repr(run) + output.out + output.err
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert tmp_path / "picture.png" in written and len(written) > 3
    assert [path for path in written if KEY.encode() in path.read_bytes()] == []


def test_a_missing_key_is_told_before_anything_is_asked_for(rag, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with LoopbackVLM() as server:
        opened = rag(server, base_url="https://api.openai.com/v1")
        with pytest.raises(CredentialsError, match="export OPENAI_API_KEY="):
            opened.session.check()
    assert server.requests == []
