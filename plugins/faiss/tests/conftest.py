"""A tiny real encoder, and collections whose embeddings are known.

The encoder reads a vector out of a picture's pixels, and makes one from a text's hash.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from imagerag.collection import Collection
from imagerag.roles import Context, Encoder, Found
from imagerag_faiss.config import FaissConfig
from imagerag_faiss.retriever import FaissRetriever
from imagerag_vectors.testing import PixelEncoder, pixel_picture


@pytest.fixture(scope="session")
def picture() -> Callable[[int], bytes]:
    return pixel_picture


@pytest.fixture(scope="session")
def encoder_of() -> Callable[[int], PixelEncoder]:
    return lambda dim: PixelEncoder(f"pixels-{dim}", dim)


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
def plant() -> Callable[..., list[str]]:
    """Return a function that gives a collection items with chosen embeddings, without images."""

    def insert(collection: Collection, vectors: Any, first: int = 0) -> list[str]:
        numbers = range(first, first + len(vectors))
        ids = [hashlib.sha256(str(n).encode()).hexdigest() for n in numbers]
        with collection._catalogue.writing():
            changes = collection._catalogue.next_changes(len(ids))
            collection._catalogue.many(
                "INSERT INTO items (id, format, bytes, caption, tags, private, width, height, "
                "change) VALUES (?, 'png', 1, ?, '[]', 0, 1, 1, ?)",
                [(i, str(n), c) for i, n, c in zip(ids, numbers, changes, strict=True)],
            )
        collection.put_vectors(f"pixels-{vectors.shape[1]}", ids, vectors)
        return ids

    return insert


@pytest.fixture(scope="session")
def retrieve() -> Callable[..., FaissRetriever]:
    def make(encoder: Encoder, **options: Any) -> FaissRetriever:
        parts = {"encoder": encoder}
        options = {"threads": 1, **options}
        return FaissRetriever(
            FaissConfig(**options), Context(component=parts.__getitem__, cache_dir=Path())
        )

    return make
