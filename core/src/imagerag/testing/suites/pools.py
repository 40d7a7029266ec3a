"""Collections for the suites: real ones, filled with pictures that are made for them."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from imagerag.collection import Collection
from imagerag.roles import Found
from imagerag.testing.suites.pictures import png

# fmt: off
_COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "white", "black", "grey", "pink")
_THINGS = ("hedgehog", "umbrella", "lighthouse", "violin", "cactus", "teapot", "bicycle", "kite",
           "lantern", "anchor")
# fmt: on

TWINS = 3
"""Items of a pool that have the same pixels and caption as another one, and bytes of their own."""

_TWIN = 10_000


def caption(number: int) -> str:
    """Return a caption that no other number below 100 has."""
    return f"a picture of a {_COLOURS[number % 10]} {_THINGS[number // 10 % 10]}"


def found(number: int, *, writing: int = 0) -> Found:
    """Return one image with its caption, tagged "even" or "odd"."""
    tag = "odd" if (number + writing) % 2 else "even"
    data = png(number, writing)
    return Found(f"{number}-{writing}.png", None, data, caption(number), tags=(tag,))


def twins() -> list[Found]:
    """Return images that tie with each other, in the opposite of the order of their ids."""
    same = [found(_TWIN + 55, writing=writing) for writing in range(TWINS)]
    return sorted(same, key=lambda each: hashlib.sha256(each.data or b"").digest(), reverse=True)


def make_pool(folder: Path, size: int, *, tied: bool = False) -> Path:
    """Make a collection of `size` items in a new folder, and of twins beside, and return it."""
    shutil.copytree(_template(size, tied), folder)
    return folder


def add(collection: Collection, numbers: Sequence[int]) -> list[str]:
    """Add images, and return their ids in that order."""
    images = [found(number) for number in numbers]
    collection.add(images)
    return [hashlib.sha256(image.data or b"").hexdigest() for image in images]


def identity(number: int) -> str:
    """Return the id that an item has in every pool."""
    return hashlib.sha256(png(number)).hexdigest()


@cache
def _home() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="imagerag-pools-")


@cache
def _template(size: int, tied: bool) -> Path:
    """Decoding and checking a pool takes longer than copying one."""
    folder = Path(_home().name) / f"{size}-{tied}"
    with Collection.create(folder, "pool") as collection:
        collection.add([found(number) for number in range(size)])
        if tied:
            collection.add(twins())
    return folder
