"""Decoding no more of a picture than its encoder looks at.

A JPEG is stored as blocks of 8 × 8 frequencies, from which libjpeg makes a picture of an eighth, a
quarter or half the size without computing the pixels in between (Pillow's `draft`). The rest is a
mean over squares. Both keep the picture's whole extent and its proportions: where a size does not
divide evenly that is mended, since a shift of half a pixel moves the vectors of small encoders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from PIL.Image import Image

Extent: TypeAlias = tuple[float, float]
"""The part of a decoded picture that holds the whole one, from its upper left corner, in pixels."""

MARGIN = 1.5
"""How many times as large as the encoder's input a picture is decoded at least."""

FLOOR = 128
"""Pixels of the shorter side below which nothing is scaled: small inputs forgive less."""


def shortest_for(image_size: int | None) -> int | None:
    """Return the least shorter side that a picture may be scaled to, for an encoder's input size.

    Measured with `MARGIN` and `FLOOR`: cosine ≥ .999 between the vectors of scaled and of whole
    pictures, by a CLIP trained at 32 pixels and a ViT-B/32 at 224. None stands for no scaling.
    """
    if image_size is None:
        return None
    return max(FLOOR, round(MARGIN * image_size))


def draft(picture: Image, shortest: int | None, *, grey: bool = False) -> Extent:
    """Have a JPEG that is not yet loaded decoded smaller, if it may be; return its extent then.

    With `grey`, only its brightness is decoded, unless it is kept as another mix of colours.
    """
    width, height = picture.size
    if shortest is not None and picture.format in {"JPEG", "MPO"}:
        picture.draft("L" if grey else picture.mode, (shortest, shortest))
        for scale in (1, 2, 4, 8):
            if picture.size == (-(-width // scale), -(-height // scale)):
                return width / scale, height / scale
    return picture.size


def fitted(image: Image, extent: Extent, shortest: int | None) -> Image:
    """Return a decoded picture without what lies beyond its extent, perhaps scaled down further."""
    from PIL.Image import Resampling

    short, long = sorted(extent)
    steps = 1 if shortest is None else max(1, int(short) // shortest)
    if steps == 1 and extent[0] == image.width and extent[1] == image.height:
        return image
    least, most = _alike(long / short, int(short / steps), shortest or 1)
    size = (least, most) if extent[0] <= extent[1] else (most, least)
    # Where hardly anything is scaled, the costlier ways differ by a part in 20,000 of a cosine.
    way = Resampling.BILINEAR if steps == 1 else Resampling.BOX
    return image.resize(size, way, box=(0, 0, *extent))


def _alike(ratio: float, short: int, shortest: int) -> tuple[int, int]:
    """Return the two sides, the shorter one a tenth below `short` at most, nearest to `ratio`.

    The encoder rounds the sides of its own scaled picture: a ratio that is a little off can round
    to another side, and move the square that is cut from the middle.
    """
    sides = range(short, max(min(shortest, short), int(0.9 * short), 1) - 1, -1)
    best = min(sides, key=lambda side: abs(round(side * ratio) / side - ratio))
    return best, round(best * ratio)
