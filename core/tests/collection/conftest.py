import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from imagerag.collection import Collection
from imagerag.roles import Found


def picture_bytes(number: int, format: str = "PNG", size: tuple[int, int] = (12, 8)) -> bytes:
    colour = (number * 37 % 256, number * 91 % 256, number // 256 % 256)
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, format)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """Return the bytes of a small picture; another number gives another picture."""
    return picture_bytes


@pytest.fixture
def found() -> Callable[..., Found]:
    def make(number: int, **fields: object) -> Found:
        return Found(name=f"{number}.png", data=picture_bytes(number), **fields)  # type: ignore[arg-type]

    return make


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "mine", "mine") as made:
        yield made
