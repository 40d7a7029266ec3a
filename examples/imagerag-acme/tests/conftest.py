"""Nothing leaves this machine, and what tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from imagerag import Collection
from imagerag.roles import Found
from imagerag.testing import loopback_only
from PIL import Image

no_network = pytest.fixture(autouse=True)(loopback_only)


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    """An empty collection."""
    with Collection.create(tmp_path / "pool") as made:
        yield made


@pytest.fixture
def fill(tmp_path: Path) -> Callable[[Collection, range], None]:
    """Add pictures with given numbers to a collection."""

    def fill(collection: Collection, numbers: range) -> None:
        found = []
        for number in numbers:
            file = tmp_path / f"{number}.png"
            Image.new("RGB", (8, 8), (number % 256, number // 256, 90)).save(file)
            found.append(Found(file.name, file, caption=f"picture {number}"))
        collection.add(found)

    return fill
