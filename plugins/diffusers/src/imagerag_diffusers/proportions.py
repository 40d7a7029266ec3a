"""Keeps references within the proportions that a model takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.roles import Context


def in_proportion(images: Sequence[Image], longest: int, context: Context) -> tuple[Image, ...]:
    """Return references, very long ones as their middle part, which the run record says.

    A model with such a limit ends in an error beyond it, or scales the shorter side to nothing.

    Args:
        images: References in their order.
        longest: How many times as long as wide a picture may be, or as wide as high.
        context: The generator's, whose run hears of it.
    """
    found = []
    for number, image in enumerate(images, 1):
        used = _middle(image, longest)
        if used.size != image.size:
            context.decide(
                "generate",
                f"take the middle of reference {number}",
                f"{image.width}×{image.height} is more than {longest} times as long as wide; "
                f"{used.width}×{used.height} is used",
            )
        found.append(used)
    return tuple(found)


def _middle(image: Image, longest: int) -> Image:
    width, height = image.size
    most = longest * min(width, height)
    if max(width, height) <= most:
        return image
    left, top = max(0, (width - most) // 2), max(0, (height - most) // 2)
    return image.crop((left, top, left + min(width, most), top + min(height, most)))
