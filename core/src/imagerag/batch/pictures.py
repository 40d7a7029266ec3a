"""The pictures of a run store: PNG files named for what they show.

A name is the digest of mode, size and pixels, as records have it, so that equal pictures are one
file and a damaged one is noticed.
"""

from __future__ import annotations

import os
import shutil
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from imagerag.errors import StoreError
from imagerag.record import png_bytes
from imagerag.run import pixels_digest

if TYPE_CHECKING:
    from PIL.Image import Image

REFERENCE_SIDE = 512
"""Longest side, in pixels, of the copies of references that a store keeps for its reports."""


class PictureFiles:
    """The folders `pictures/` and `references/` of a run store.

    A file is written under another name, in `incoming/`, and moved into place when it is whole.
    What a crash of the machine leaves of it is noticed when it is read, and painted again.
    """

    def __init__(self, folder: Path) -> None:
        self.durable = True
        """Whether a picture is on the disk when `put` returns. A batch whose generator paints the
        same again leaves that to the system: what a crash of the machine loses is painted anew."""
        self._pictures = folder / "pictures"
        self._references = folder / "references"
        self._incoming = folder / "incoming"
        self._numbers = count()
        self._there: set[str] = set()

    def clear(self) -> None:
        """Remove what a turn that was killed left half-written."""
        shutil.rmtree(self._incoming, ignore_errors=True)

    def path(self, digest: str) -> Path:
        """Return where the picture with that digest is, or would be."""
        return self._pictures / digest[:2] / f"{digest}.png"

    def put(self, image: Image, digest: str | None = None) -> str:
        """Write a picture that is not there yet, whole; return its digest."""
        digest = digest or pixels_digest(image)
        path = self.path(digest)
        if not path.exists():
            self._write(path, png_bytes(image, None))
        return digest

    def get(self, digest: str) -> Image | None:
        """Return a picture, None where its file is gone or damaged; that one is removed."""
        from PIL import Image

        path = self.path(digest)
        try:
            picture = Image.open(BytesIO(path.read_bytes()), formats=("PNG",))
            picture.load()
            if pixels_digest(picture) == digest:
                return picture
        except (OSError, ValueError, SyntaxError):
            pass  # Pillow raises all three for bytes that are no whole PNG
        path.unlink(missing_ok=True)
        return None

    def reference_path(self, digest: str) -> Path:
        """Return where the small copy of a reference is, or would be."""
        return self._references / digest[:2] / f"{digest}.png"

    def has_reference(self, digest: str) -> bool:
        """Say whether this process has put that reference, without a look at the disk."""
        return digest in self._there

    def put_reference(self, image: Image, digest: str) -> None:
        """Keep a small copy of a reference, so that reports need no collection."""
        path = self.reference_path(digest)
        if not path.exists():
            small = image.convert("RGB")
            small.thumbnail((REFERENCE_SIDE, REFERENCE_SIDE))
            self._write(path, png_bytes(small, None))
        self._there.add(digest)

    def _write(self, path: Path, data: bytes) -> None:
        arriving = self._incoming / f"{os.getpid()}-{next(self._numbers)}"
        try:
            try:
                file = arriving.open("xb")
            except FileNotFoundError:
                self._incoming.mkdir(parents=True, exist_ok=True)
                file = arriving.open("xb")
            with file:
                file.write(data)
                if self.durable:
                    file.flush()
                    os.fsync(file.fileno())
            try:
                arriving.replace(path)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                arriving.replace(path)
        except OSError as error:
            arriving.unlink(missing_ok=True)
            raise StoreError(
                f"the run store cannot take another picture: {error.strerror or error}. Make room "
                "on its disk, then run the same command again: what was finished is kept."
            ) from error
