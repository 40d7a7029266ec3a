"""Collections with captions, a naive BM25 to compare with, and a critic that names colours."""

import hashlib
import io
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from PIL import Image

from imagerag.collection import Collection
from imagerag.errors import CriticError
from imagerag.roles import Context, Critic, CriticAbility, Found
from imagerag.values import Facts, Matches, Review
from imagerag_bm25.config import Bm25RerankerConfig, Bm25RetrieverConfig
from imagerag_bm25.reranker import Bm25Reranker
from imagerag_bm25.retriever import Bm25Retriever
from imagerag_bm25.words import Words

COLOURS = {"red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250)}


def picture(number: int, colour: str = "blue") -> bytes:
    """Return a PNG of a colour, whose last pixel is a number."""
    image = Image.new("RGB", (2, 2), COLOURS[colour])
    image.putpixel((1, 1), (number % 256, number // 256 % 256, number // 65536))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def describe(
    collection: Collection, captions: Mapping[int, str] | Sequence[str], **more: Any
) -> None:
    """Give pictures to a collection, or new captions to pictures that it has."""
    numbered = captions.items() if isinstance(captions, Mapping) else enumerate(captions)
    private = more.pop("private", False)
    colour = more.pop("colour", "blue")
    collection.add(
        (
            Found(str(number), data=picture(number, colour), caption=caption, **more)
            for number, caption in numbered
        ),
        private=private,
    )


class NaiveBm25:
    """BM25 as the formula reads: every caption, every word, plain Python."""

    def __init__(
        self, captions: Mapping[str, str], words: Words, k1: float = 1.2, b: float = 0.75
    ) -> None:
        self.words, self.k1, self.b = words, k1, b
        self.counts = {one: Counter(words.of(text)) for one, text in captions.items()}
        self.lengths = {one: counts.total() for one, counts in self.counts.items()}
        filled = [length for length in self.lengths.values() if length]
        self.n = len(filled)
        self.average = sum(filled) / self.n if filled else 0.0
        self.df = Counter(word for counts in self.counts.values() for word in counts)

    def score(self, query: str, counts: Mapping[str, int]) -> float:
        total, length = 0.0, sum(counts.values())
        for word, times in sorted(Counter(self.words.of(query)).items()):
            if tf := counts.get(word, 0):
                share = length / self.average if self.average else 1.0
                norm = self.k1 * (1 - self.b + self.b * share)
                idf = math.log(1 + (self.n - self.df[word] + 0.5) / (self.df[word] + 0.5))
                total += times * idf * (tf / (tf + norm))
        return total

    def search(self, query: str, k: int) -> list[tuple[float, str]]:
        scores = [(self.score(query, counts), one) for one, counts in self.counts.items()]
        return sorted((s for s in scores if s[0] > 0), key=lambda s: (-s[0], s[1]))[:k]


class ColourCritic(Critic):
    """Captions a picture by its colour, and keeps a list of what it was shown."""

    abilities: ClassVar[frozenset[CriticAbility]] = frozenset({"caption"})

    def __init__(self, model: str = "colours-1", **about: Any) -> None:
        super().__init__(None, Context(component=lambda role: None, cache_dir=Path()))
        self.model, self.seen = model, []
        self.remote = about.get("remote", False)
        self.fails_on = about.get("fails_on", frozenset())
        self.template = about.get("template", "a {} picture")

    def review(self, image: Image.Image, prompt: str, *, temperature: float = 0.0) -> Review:
        return Matches()

    def caption(self, image: Image.Image) -> str:
        pixel = image.getpixel((0, 0))
        colour = next(name for name, value in COLOURS.items() if value == pixel)
        self.seen.append(image.getpixel((1, 1))[0])
        if colour in self.fails_on:
            raise CriticError(f"no answer about {colour}")
        return self.template.format(colour)

    def versions(self) -> Mapping[str, str]:
        return {"model": self.model}

    def facts(self) -> Facts:
        return Facts(model=self.model)


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "pool") as made:
        yield made


@pytest.fixture(scope="session")
def put() -> Callable[..., None]:
    return describe


@pytest.fixture(scope="session")
def identity() -> Callable[[int], str]:
    """Return a function that gives the id of the blue picture with a number."""
    return lambda number: hashlib.sha256(picture(number)).hexdigest()


@pytest.fixture(scope="session")
def naive() -> type[NaiveBm25]:
    return NaiveBm25


@pytest.fixture(scope="session")
def colour_critic() -> type[ColourCritic]:
    return ColourCritic


@pytest.fixture(scope="session")
def retrieve() -> Callable[..., Bm25Retriever]:
    def make(**options: Any) -> Bm25Retriever:
        context = Context(component=lambda role: None, cache_dir=Path())
        return Bm25Retriever(Bm25RetrieverConfig(**options), context)

    return make


@pytest.fixture
def rerank(tmp_path: Path) -> Callable[..., Bm25Reranker]:
    """Return a function that makes a re-ranker, whose decisions go into a list given to it."""

    def make(
        critic: Critic | None, collection: Collection | None, told: list[Any], **options: Any
    ) -> Bm25Reranker:
        context = Context(
            component=lambda role: critic,
            cache_dir=tmp_path / "cache" / "bm25",
            collection=collection,
            decide=lambda *line: told.append(line),
        )
        return Bm25Reranker(Bm25RerankerConfig(**options), context)

    return make
