"""Components without a model: deterministic, instant, and true to the contract of their role."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from imagerag.errors import CapabilityError
from imagerag.roles import (
    Conditioner,
    Critic,
    CriticAbility,
    Encoder,
    Generator,
    Retriever,
)
from imagerag.values import (
    Capability,
    Choice,
    Comparison,
    Concept,
    EditPlan,
    Edits,
    Filtered,
    Guidance,
    Hit,
    Item,
    Malformed,
    Matches,
    Missing,
    Query,
    Reference,
    Refused,
    Review,
    Truncated,
    Unavailable,
    Usage,
)

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.collection import Collection
    from imagerag.roles import Vectors


class NullGenerator(Generator):
    """Returns a grey picture at once."""

    def capability(self) -> Capability:
        """Take text and references, and ignore both."""
        return Capability(
            frozenset({"text", "image-prompt"}),
            max_references=self.config.max_references,
            recommended_references=1,
        )

    def generate(self, guidances: Sequence[Guidance]) -> list[Image]:
        """Return one grey picture per guidance."""
        from PIL import Image

        return [Image.new("RGB", self._size(g), (128, 128, 128)) for g in guidances]

    def _size(self, guidance: Guidance) -> tuple[int, int]:
        most = self.config.max_references
        if len(guidance.references) > most:
            raise CapabilityError(
                f"{len(guidance.references)} references, at most {most} fit: raise max_references."
            )
        return guidance.width or self.config.width, guidance.height or self.config.height


class SeededGenerator(NullGenerator):
    """Returns noise that depends on prompt, seed, options and every reference in its order."""

    def generate(self, guidances: Sequence[Guidance]) -> list[Image]:
        """Return one picture of noise per guidance."""
        from PIL import Image

        pictures = []
        for guidance in guidances:
            size = self._size(guidance)
            content = hashlib.sha256(
                repr((guidance.prompt, guidance.seed, guidance.negative_prompt)).encode()
                + repr(sorted(guidance.options.items())).encode()
            )
            for reference in guidance.references:
                content.update(hashlib.sha256(reference.image.tobytes()).digest())
            noise = hashlib.shake_256(content.digest()).digest(size[0] * size[1] * 3)
            pictures.append(Image.frombytes("RGB", size, noise))
        return pictures


class PlainConditioner(Conditioner):
    """Hands prompt and references on as they are."""

    def condition(
        self,
        prompt: str,
        references: Sequence[Reference],
        capability: Capability,
        *,
        seed: int,
        size: tuple[int, int] | None = None,
    ) -> Guidance:
        """Return the prompt with its references."""
        if len(references) > capability.max_references:
            raise CapabilityError(
                f"{len(references)} references, and at most {capability.max_references} fit: "
                "give fewer."
            )
        width, height = size or (None, None)
        return Guidance(prompt, seed, tuple(references), width=width, height=height)


_TROUBLE: dict[str, type[Refused | Filtered | Truncated | Malformed | Unavailable]] = {
    "refused": Refused,
    "filtered": Filtered,
    "truncated": Truncated,
    "malformed": Malformed,
    "unavailable": Unavailable,
}


class ScriptedCritic(Critic):
    """Answers from a list and remembers what it was asked, in `calls`."""

    abilities: ClassVar[frozenset[CriticAbility]] = frozenset(
        {"plan", "compare", "caption", "choose", "edits"}
    )

    def __init__(self, config: Any, context: Any) -> None:
        super().__init__(config, context)
        self.calls: list[tuple[str, str, float]] = []
        self._asked = 0

    def review(self, image: Image, prompt: str, *, temperature: float = 0.0) -> Review:
        """Return the next answer of the list."""
        return self._next("review", prompt, temperature)

    def plan(self, prompt: str, *, temperature: float = 0.0) -> Review:
        """Return the next answer of the list."""
        return self._next("plan", prompt, temperature)

    def compare(self, prompt: str, a: Image, b: Image) -> Comparison:
        """Return the configured answer."""
        self._asked_for("compare", prompt, 0.0)
        return Comparison(self.config.better)

    def caption(self, image: Image) -> str:
        """Describe a picture by its size."""
        self._asked_for("caption", "", 0.0)
        return f"a picture of {image.width} by {image.height} pixels"

    def choose(self, text: str, images: Sequence[Image]) -> Choice:
        """Return the configured order."""
        self._asked_for("choose", text, 0.0)
        return Choice(self.config.order)

    def edits(self, image: Image, prompt: str, *, temperature: float = 0.0) -> EditPlan:
        """Return the configured instructions."""
        self._asked_for("edits", prompt, temperature)
        return Edits(self.config.edits)

    def _asked_for(self, call: str, text: str, temperature: float) -> None:
        self.calls.append((call, text, temperature))
        if self.config.usd is not None:
            self.context.spend(Usage(call=call, model="scripted", usd=self.config.usd))

    def _next(self, call: str, prompt: str, temperature: float) -> Review:
        self._asked_for(call, prompt, temperature)
        answers = self.config.answers
        answer = answers[min(self._asked, len(answers) - 1)]
        self._asked += 1
        kind, _, names = answer.partition(":")
        if kind == "matches":
            return Matches()
        if kind == "missing":
            listed = [name.strip() for name in names.split(",")]
            return Missing(tuple(Concept(name, f"a photo of a {name}") for name in listed))
        return _TROUBLE[kind](note=f"scripted: {kind}")


class HashingEncoder(Encoder):
    """Vectors from the hashed words of a text, and from the colours of a picture."""

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.config.dim)

    @property
    def space(self) -> str:
        """The id of this encoder's space."""
        salt = f"-{self.config.salt}" if self.config.salt else ""
        return f"hashing-{self.dim}{salt}"

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Return the normalised sum of the words' vectors, shape (len(texts), dim)."""
        import numpy as np

        rows = [
            sum((self._vector(word.encode()) for word in text.lower().split()), np.zeros(self.dim))
            if text.split()
            else self._vector(b"")
            for text in texts
        ]
        return self._unit(rows)

    def encode_images(self, images: Sequence[Image]) -> Vectors:
        """Return a vector for each picture's pixels, shape (len(images), dim)."""
        rows = [self._vector(image.convert("RGB").resize((8, 8)).tobytes()) for image in images]
        return self._unit(rows)

    def _vector(self, content: bytes) -> Any:
        import numpy as np

        raw = hashlib.shake_256(self.config.salt.encode() + content).digest(self.dim * 2)
        return np.frombuffer(raw, dtype=np.uint16).astype(np.float64) / 32767.5 - 1.0

    def _unit(self, rows: Sequence[Any]) -> Vectors:
        import numpy as np

        matrix = np.asarray(rows, dtype=np.float32).reshape(len(rows), self.dim)
        norms = np.linalg.norm(matrix, axis=1, keepdims=True)
        unit: Vectors = matrix / np.maximum(norms, np.float32(1e-12))
        return unit


class MemoryRetriever(Retriever):
    """Brute force over vectors of the items' captions, or of their pixels for a picture query."""

    compares = "captions"

    def __init__(self, config: Any, context: Any) -> None:
        super().__init__(config, context)
        self._items: list[Item] = []
        self._captions: Any = None
        self._collection: Collection | None = None
        self._change = -1

    def sync(self, collection: Collection) -> int:
        """Take over all items where anything has changed."""
        if collection.change == self._change and collection is self._collection:
            return 0
        self._collection, self._change = collection, collection.change
        self._items = sorted(collection.items(), key=lambda item: item.id)
        encoder: Encoder = self.context.component("encoder")
        self._captions = encoder.encode_texts([item.caption for item in self._items])
        return len(self._items)

    def search(
        self, queries: Sequence[Query], k: int, where: Callable[[Item], bool] | None = None
    ) -> list[list[Hit]]:
        """Score every item against every query."""
        return [self._one(query, k, where) for query in queries]

    def _one(self, query: Query, k: int, where: Callable[[Item], bool] | None) -> list[Hit]:
        if not self._items or self._collection is None:
            return []
        # Items that were removed since the last sync are hidden already.
        there = self._collection.lookup([item.id for item in self._items])
        encoder: Encoder = self.context.component("encoder")
        if query.text is not None:
            scores = self._captions @ encoder.encode_texts([query.text])[0]
        else:
            assert query.image is not None
            pictures = {one: self._collection.image(one) for one in there}
            asked = encoder.encode_images([query.image])[0]
            found = dict(
                zip(pictures, encoder.encode_images(list(pictures.values())) @ asked, strict=True)
            )
            scores = [found.get(item.id, 0.0) for item in self._items]
        hits = [
            Hit(there[item.id], float(score), query.text or "")
            for item, score in zip(self._items, scores, strict=True)
            if item.id in there and (where is None or where(there[item.id]))
        ]
        return sorted(hits, key=lambda hit: (-hit.score, hit.item.id))[:k]
