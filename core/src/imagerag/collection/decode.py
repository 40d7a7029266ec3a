"""Turning untrusted image files into RGB pictures.

The only place where this project decodes images that it did not make. Limits come first: a regular
file, at most 25 MB, one of three formats, at most 50 million pixels, all known before Pillow sees
the bytes. That bounds the memory of one decode to under 512 MB.
"""

from __future__ import annotations

import io
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from imagerag.collection import container
from imagerag.collection.container import Header
from imagerag.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.Image import Transpose as PillowTranspose

MAX_BYTES = 25_000_000
MAX_PIXELS = 50_000_000

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
    if len(data) > MAX_BYTES:
        raise ImageError(_too_large(len(data)))
    return data


def sniff(data: bytes) -> Header:
    """Return format and size from the structure of a file, without decoding it.

    Raises `ImageError` for other formats, animations, cut or damaged structure, data behind the
    picture, more than `MAX_BYTES` bytes or `MAX_PIXELS` pixels, and pictures without area.
    """
    if len(data) > MAX_BYTES:
        raise ImageError(_too_large(len(data)))
    header = container.read(data)
    if header.width < 1 or header.height < 1:
        raise ImageError(f"has no area: {header.width} × {header.height} pixels")
    if header.width * header.height > MAX_PIXELS:
        raise ImageError(
            f"has {header.width} × {header.height} pixels; "
            f"at most {MAX_PIXELS // 1_000_000} million are accepted"
        )
    return header


def open_image(source: Path | str | bytes) -> Image:
    """Decode a file, or the bytes of one, into an upright RGB picture.

    EXIF rotation is applied, transparency is laid over white, 16-bit grey is scaled to 8. Metadata
    and colour profile are dropped. Raises `ImageError`; its message names the file where `source`
    is a path, and is only the reason where it is bytes.
    """
    if isinstance(source, bytes):
        return _decode(source)
    path = Path(source)
    try:
        return _decode(read_bytes(path))
    except ImageError as error:
        raise ImageError(f"The image {str(path)!r} {error}") from error


def _decode(data: bytes) -> Image:
    from PIL import Image as PillowImage

    header = sniff(data)
    try:
        with PillowImage.open(io.BytesIO(data), formats=(_PILLOW[header.format],)) as picture:
            if picture.size != (header.width, header.height):
                raise ImageError("is damaged: its header and its picture disagree on the size")
            picture.load()
            return upright_rgb(picture)
    except ImageError:
        raise
    except Exception as error:
        # Pillow raises many kinds of errors for hostile bytes; all mean the same here.
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise ImageError(f"is damaged: {reason}") from error


def upright_rgb(picture: Image) -> Image:
    """Return a decoded picture as every image is read here: upright, RGB, laid over white.

    EXIF rotation is applied, 16-bit grey is scaled to 8; nothing else of its metadata is kept.
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
        values = np.asarray(picture)
        grey = (values.astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
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
