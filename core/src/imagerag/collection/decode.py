"""Turning untrusted image files into RGB pictures.

The only place where this project decodes images that it did not make. Limits come first: a regular
file, at most 25 MB, one of three formats, at most 50 million pixels and 450 MB while decoding, all
known before Pillow sees the bytes. With the interpreter's own 30 MB that stays under 512 MB.
"""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagerag.collection import container, phash, scaling
from imagerag.collection.container import Header
from imagerag.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.Image import Transpose as PillowTranspose

MAX_BYTES = 25_000_000
MAX_PIXELS = 50_000_000
MAX_MEMORY = 450_000_000
"""Most bytes that decoding one picture may take, as measured for each format (see below)."""

_WEBP_PIXEL = 16
"""Bytes that a pixel takes while a WebP is decoded: two canvases of libwebp's, its output, ours."""

_PIXEL = 4
"""Bytes of a pixel in Pillow; the picture and its conversion to RGB are there at the same time."""

_PILLOW = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}
_ORIENTATION = 0x0112


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a regular file of at most `MAX_BYTES`.

    Raises `ImageError` for folders, devices, pipes, files too large and files that cannot be read.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            # Reading a pipe or a device could wait for ever.
            raise ImageError("is not a regular file")
        if status.st_size > MAX_BYTES:
            raise ImageError(_too_large(status.st_size))
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"cannot be read: {reason}") from error
    return limited(data)


def limited(data: bytes) -> bytes:
    """Return the bytes of a file again. Raises `ImageError` for more than `MAX_BYTES`."""
    if len(data) > MAX_BYTES:
        raise ImageError(_too_large(len(data)))
    return data


def sniff(data: bytes) -> Header:
    """Return format and size from the structure of a file, without decoding it.

    Raises `ImageError` for other formats, animations, cut or damaged structure, data behind the
    picture, more than `MAX_BYTES` bytes or `MAX_PIXELS` pixels, pictures without area, and those
    that would take more than `MAX_MEMORY` to decode.
    """
    header = container.read(limited(data))
    if header.width < 1 or header.height < 1:
        raise ImageError(f"has no area: {header.width} × {header.height} pixels")
    if header.width * header.height > MAX_PIXELS:
        raise ImageError(
            f"has {header.width} × {header.height} pixels; "
            f"at most {MAX_PIXELS // 1_000_000} million are accepted"
        )
    memory = _memory(header)
    if memory > MAX_MEMORY:
        raise ImageError(
            f"would take {memory / 1e6:.0f} MB to decode; "
            f"at most {MAX_MEMORY // 1_000_000} MB are accepted"
        )
    return header


def _memory(header: Header) -> int:
    pixels = header.width * header.height
    if header.format == "webp":
        return _WEBP_PIXEL * pixels
    return max(header.scratch + _PIXEL * pixels, 2 * _PIXEL * pixels)


@dataclass(frozen=True)
class Examined:
    """A file that was decoded: its header and its upright size in pixels."""

    header: Header
    width: int
    height: int
    _picture: Image
    _extent: scaling.Extent
    _turn: PillowTranspose | None
    _shortest: int | None
    _image_size: int | None

    def image(self) -> Image:
        """Return the picture, upright and in RGB; it may be smaller than the size."""
        with _told():
            image = scaling.fitted(self._picture, self._extent, self._shortest, self._image_size)
            return image if self._turn is None else image.transpose(self._turn)

    def thumbnail(self) -> bytes:
        """Return the small grey copy that a perceptual hash is made of."""
        with _told():
            return phash.thumbnail(self._picture, self._extent, self._turn)


def open_image(
    source: Path | str | bytes, *, shortest: int | None = None, image_size: int | None = None
) -> Image:
    """Decode a file, or the bytes of one, into an upright RGB picture.

    EXIF rotation is applied, transparency is laid over white, 16-bit grey is scaled to 8. Metadata
    and colour profile are dropped. With `shortest`, the picture may come smaller, with a shorter
    side of that many pixels or more: a JPEG is then decoded faster. An encoder of `image_size` sees
    the same square of it as of the whole picture. Raises `ImageError`; its message names the file
    where `source` is a path, and is only the reason where it is bytes.
    """
    if isinstance(source, bytes):
        return examine(source, shortest=shortest, image_size=image_size).image()
    path = Path(source)
    try:
        return examine(read_bytes(path), shortest=shortest, image_size=image_size).image()
    except ImageError as error:
        raise ImageError(f"The image {str(path)!r} {error}") from error


def examine(
    data: bytes,
    *,
    shortest: int | None = None,
    image_size: int | None = None,
    grey: bool = False,
) -> Examined:
    """Decode the bytes of a file as `open_image` does, and say what it is.

    `image_size` is that of an encoder that is to see the same square of a smaller picture. With
    `grey`, a JPEG's colours are left out, which is faster. Raises `ImageError` with the reason
    alone.
    """
    from PIL import Image as PillowImage

    header = sniff(data)
    width, height = header.width, header.height
    with (
        _told(),
        PillowImage.open(io.BytesIO(data), formats=(_PILLOW[header.format],)) as picture,
    ):
        if picture.size != (width, height):
            raise ImageError("is damaged: its header and its picture disagree on the size")
        extent = scaling.draft(picture, shortest, grey=grey)
        picture.load()
        orientation = _orientation(picture)
        image = _rgb(picture)
    image.info = {}
    if orientation >= 5:
        width, height = height, width
    turn = _turns().get(orientation)
    return Examined(header, width, height, image, extent, turn, shortest, image_size)


@contextmanager
def _told() -> Iterator[None]:
    """Turn what Pillow raises, for hostile bytes many kinds of errors, into `ImageError`."""
    try:
        yield
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError("takes more memory to decode than there is") from error
    except Exception as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise ImageError(f"is damaged: {reason}") from error


def upright_rgb(picture: Image) -> Image:
    """Return a picture that is decoded already as `open_image` would have read its file.

    Upright, in RGB, laid over white, 16-bit grey scaled to 8, and without metadata.
    """
    image = _rgb(picture)
    turn = _turns().get(_orientation(picture))
    if turn is not None:
        image = image.transpose(turn)
    image.info = {}
    return image


def _orientation(picture: Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:
        # Broken EXIF data is common and harmless: such a picture is taken as upright.
        return 1


def _turns() -> dict[int, PillowTranspose]:
    from PIL.Image import Transpose

    return {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }


def _rgb(picture: Image) -> Image:
    from PIL import Image as PillowImage

    if picture.mode == "I" or picture.mode.startswith("I;16"):
        import numpy as np

        # Pillow's own conversion clips 16-bit values at 255 instead of scaling them.
        grey = (np.asarray(picture).clip(0, 0xFFFF) >> 8).astype(np.uint8)
        return PillowImage.fromarray(grey).convert("RGB")
    if picture.mode in {"LA", "PA", "La", "RGBa"} or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    if picture.mode == "RGBA":
        canvas = PillowImage.new("RGB", picture.size, (255, 255, 255))
        canvas.paste(picture, mask=picture)
        return canvas
    return picture.convert("RGB")


def _too_large(size: int) -> str:
    return f"has {size / 1e6:.1f} MB; at most {MAX_BYTES // 1_000_000} MB are accepted"
