"""Small copies of pictures for a page: one file for each picture, or its bytes in the page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

SIDE = 224
"""Longest side in pixels: sharp at 160 on a desk, and on a phone of two device pixels at 112."""

QUALITY = 80
FOLDER = "thumbnails"
THREADS = 4
"""Pillow decodes and encodes without the interpreter's lock."""


class Thumbnails:
    """The small copies of one report, each made once, and known by its picture's file.

    Pictures of a run store are named for what they show, so that a copy which is there already is
    the right one, and a report that is made again makes only what is new.
    """

    def __init__(self, folder: Path, *, inline: bool = False) -> None:
        """`folder` is that of the page; `inline` puts the bytes into the addresses themselves."""
        self._folder = folder / FOLDER
        self._inline = inline
        self._addresses: dict[Path, str | None] = {}

    def make(self, pictures: Iterable[Path]) -> None:
        """Make the copies of these pictures, several at a time."""
        new = [path for path in dict.fromkeys(pictures) if path not in self._addresses]
        if not self._inline:
            self._folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(THREADS) as pool:
            self._addresses |= dict(zip(new, pool.map(self._made, new), strict=True))

    def address(self, picture: Path) -> str | None:
        """Return what an `<img>` names, relative to the page; None for what cannot be read."""
        if picture not in self._addresses:
            self.make([picture])
        return self._addresses[picture]

    def _made(self, picture: Path) -> str | None:
        if self._inline:
            data = _small(picture)
            return None if data is None else f"data:image/webp;base64,{b64encode(data).decode()}"
        # A reference is kept at another size than a picture of the same pixels: names differ.
        place = self._folder / f"{picture.parent.parent.name[0]}-{picture.stem[:32]}.webp"
        if not place.exists():
            data = _small(picture)
            if data is None:
                return None
            # Whole, but not durable: a report is made again in seconds, and syncing takes minutes.
            part = place.with_suffix(".part")
            part.write_bytes(data)
            part.replace(place)
        return f"{FOLDER}/{place.name}"


def _small(picture: Path) -> bytes | None:
    """Return a WebP of at most `SIDE` pixels a side, None where the file is gone or damaged."""
    from PIL import Image

    try:
        with Image.open(picture, formats=("PNG",)) as opened:
            small = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError):
        return None  # Pillow raises all three for bytes that are no whole PNG
    small.thumbnail((SIDE, SIDE))
    buffer = BytesIO()
    small.save(buffer, "WEBP", quality=QUALITY, method=2)
    return buffer.getvalue()
