"""The pictures of a run store: PNG files named for what they show.

A name is the digest of mode, size and pixels, as records have it, so that equal pictures are one
file and a damaged one is noticed.
"""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from imagerag.errors import ImageRAGError, StoreError
from imagerag.record import png_bytes, write_whole
from imagerag.run import pixels_digest

if TYPE_CHECKING:
    from PIL.Image import Image

REFERENCE_SIDE = 512
"""Longest side, in pixels, of the copies of references that a store keeps for its reports."""


class PictureFiles:
    """The folders `pictures/` and `references/` of a run store."""

    def __init__(self, folder: Path) -> None:
        self._pictures = folder / "pictures"
        self._references = folder / "references"

    def path(self, digest: str) -> Path:
        """Return where the picture with that digest is, or would be."""
        return self._pictures / digest[:2] / f"{digest}.png"

    def put(self, image: Image, digest: str | None = None) -> str:
        """Write a picture that is not there yet, whole and durably; return its digest."""
        digest = digest or pixels_digest(image)
        path = self.path(digest)
        if not path.exists():
            _write(path, png_bytes(image, None))
            _settle(path.parent)
        return digest

    def get(self, digest: str) -> Image | None:
        """Return a picture, None where its file is gone or damaged."""
        from PIL import Image

        try:
            picture = Image.open(BytesIO(self.path(digest).read_bytes()), formats=("PNG",))
            picture.load()
        except (OSError, ValueError, SyntaxError):
            return None  # Pillow raises all three for bytes that are no whole PNG
        return picture if pixels_digest(picture) == digest else None

    def reference_path(self, digest: str) -> Path:
        """Return where the small copy of a reference is, or would be."""
        return self._references / digest[:2] / f"{digest}.png"

    def put_reference(self, image: Image, digest: str) -> None:
        """Keep a small copy of a reference, so that reports need no collection."""
        path = self.reference_path(digest)
        if not path.exists():
            small = image.convert("RGB")
            small.thumbnail((REFERENCE_SIDE, REFERENCE_SIDE))
            _write(path, png_bytes(small, None))


def _write(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except ImageRAGError as error:
        raise StoreError(
            f"the run store cannot take another picture: {error.__cause__ or error}. Make room, "
            "then run the same command again: what was finished is kept."
        ) from error


def _settle(folder: Path) -> None:
    """Make a new name in a folder durable; not every platform can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
