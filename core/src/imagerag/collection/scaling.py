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


SLACK = 1.1
"""How many times as large as it may be the shorter side becomes where it can be chosen freely."""


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


def fitted(
    image: Image, extent: Extent, shortest: int | None, image_size: int | None = None
) -> Image:
    """Return a decoded picture without what lies beyond its extent, perhaps scaled down further.

    An encoder of `image_size` then sees the square that it would see of the whole picture.
    """
    from PIL.Image import Resampling

    short = min(extent)
    steps = 1 if shortest is None else max(1, int(short) // shortest)
    if steps == 1 and extent[0] == image.width and extent[1] == image.height:
        return image
    least = shortest or 1
    # What has to be computed anew is made as small as may be: the fewer pixels, the sooner.
    most = int(short / steps) if steps > 1 else min(int(short), round(SLACK * least))
    sides = _alike(extent, most, least, image_size)
    size = sides if extent[0] <= extent[1] else sides[::-1]
    way = Resampling.BILINEAR if steps == 1 else Resampling.BOX
    return image.resize(size, way, box=(0, 0, *extent))


def _alike(extent: Extent, short: int, shortest: int, image_size: int | None) -> tuple[int, int]:
    """Return the two sides, the shorter one a tenth below `short` at most, nearest in proportion.

    The encoder rounds the longer side of its own scaled picture, up or down: proportions that are a
    little off can round to another side, and move the square that is cut from the middle.
    """
    least, most = sorted(extent)
    target = _rounded(most, least, image_size)

    def off(sides: tuple[int, int]) -> tuple[bool, float]:
        one, other = sides
        return _rounded(other, one, image_size) != target, abs(other / one - most / least)

    shorter = range(short, max(min(shortest, short), int(0.9 * short), 1) - 1, -1)
    whole = ((side, int(side * most / least)) for side in shorter)
    return min(((side, other + more) for side, other in whole for more in (0, 1)), key=off)


def _rounded(long: float, short: float, image_size: int | None) -> tuple[int, int]:
    side = (image_size or 0) * long / short
    return int(side), round(side)
