"""Pictures for the suites: small, different from each other, made from a number alone."""

from __future__ import annotations

import hashlib
import io
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 64
"""Pixels a side, where a suite has no reason for another size."""

_BLOCKS = 4


def picture(number: int, size: tuple[int, int] = (SIDE, SIDE)) -> Image:
    """Return a picture of four by four blocks, of other colours for each number."""
    from PIL import Image

    count = _BLOCKS * _BLOCKS * 3
    colours = hashlib.shake_256(f"imagerag picture {number}".encode()).digest(count)
    return Image.frombytes("RGB", (_BLOCKS, _BLOCKS), colours).resize(
        size, Image.Resampling.NEAREST
    )


def png(number: int, writing: int = 0) -> bytes:
    """Return a picture as a PNG file. Another `writing` has other bytes and the same pixels."""
    from PIL import PngImagePlugin

    notes = PngImagePlugin.PngInfo()
    notes.add_text("writing", str(writing))
    buffer = io.BytesIO()
    picture(number).save(buffer, "PNG", pnginfo=notes)
    return buffer.getvalue()


def cut_short() -> Image:
    """Return a picture whose file ends too early: it opens, and cannot be decoded."""
    from PIL import Image

    return Image.open(io.BytesIO(_noisy_png()[:700]))


def _noisy_png() -> bytes:
    from PIL import Image

    noise = hashlib.shake_256(b"imagerag noise").digest(64 * 64 * 3)
    buffer = io.BytesIO()
    Image.frombytes("RGB", (64, 64), noise).save(buffer, "PNG", compress_level=zlib.Z_BEST_SPEED)
    return buffer.getvalue()


def pixels(image: Image) -> tuple[tuple[int, int], bytes]:
    """Return what two pictures are compared by: size and RGB bytes."""
    return image.size, image.convert("RGB").tobytes()


def distance(one: Image, other: Image) -> float:
    """Return the mean difference of two pictures, 0 to 255; another size is as far as can be."""
    import numpy as np

    if one.size != other.size:
        return 255.0
    first, second = (np.asarray(image.convert("RGB"), dtype=np.int16) for image in (one, other))
    return float(np.abs(first - second).mean())
