"""A tiny real encoder, and collections whose embeddings are known.

The encoder reads a vector out of a picture's pixels, and makes one from a text's hash. It counts
its work, so that tests can say that nothing is computed twice.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from imagerag.collection import Collection
from imagerag.roles import Context, Encoder, Found
from imagerag_usearch.config import UsearchConfig
from imagerag_usearch.retriever import UsearchRetriever
from imagerag_vectors.testing import PixelEncoder, pixel_picture


@pytest.fixture(scope="session")
def picture() -> Callable[[int], bytes]:
    return pixel_picture


@pytest.fixture(scope="session")
def encoder_class() -> type[PixelEncoder]:
    return PixelEncoder


@pytest.fixture
def encoder() -> PixelEncoder:
    return PixelEncoder()


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "pool") as made:
        yield made


@pytest.fixture(scope="session")
def fill() -> Callable[[Collection, Sequence[int]], None]:
    def add(collection: Collection, numbers: Sequence[int]) -> None:
        collection.add(
            Found(str(n), data=pixel_picture(n), caption=f"picture {n}", tags=(f"mod{n % 3}",))
            for n in numbers
        )

    return add


@pytest.fixture(scope="session")
def plant() -> Callable[[Collection, Any], list[str]]:
    """Return a function that gives a collection items with chosen embeddings, without images."""

    def insert(collection: Collection, vectors: Any, space: str = "pixels") -> list[str]:
        ids = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(len(vectors))]
        with collection._catalogue.writing():
            changes = collection._catalogue.next_changes(len(ids))
            collection._catalogue.many(
                "INSERT OR IGNORE INTO items (id, format, bytes, caption, tags, private, width, "
                "height, change) VALUES (?, 'png', 1, '', '[]', 0, 1, 1, ?)",
                list(zip(ids, changes, strict=True)),
            )
        collection.put_vectors(space, ids, vectors)
        return ids

    return insert


@pytest.fixture(scope="session")
def retrieve() -> Callable[..., UsearchRetriever]:
    def make(encoder: Encoder, **options: Any) -> UsearchRetriever:
        parts = {"encoder": encoder}
        options = {"threads": 1, **options}
        return UsearchRetriever(
            UsearchConfig(**options), Context(component=parts.__getitem__, cache_dir=Path())
        )

    return make
