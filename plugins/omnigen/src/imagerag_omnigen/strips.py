"""Shortens very long pictures, so that `max_input_image_size` bounds every reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

LEAST = 16
"""Pixels of a side that the model can read: a token of its transformer."""


def shortened(image: Image, longest: int) -> Image:
    """Return the middle of `image` where it is more than longest / 16 times as long as wide.

    The pipeline's processor scales such a picture so that its shorter side has 16 pixels, and so
    the longer one more than `longest`, or ends in an error where a side would have none.

    Args:
        image: A reference.
        longest: What its longer side is scaled to, in pixels, at least 16.
    """
    width, height = image.size
    most = max(1, min(width, height) * longest // LEAST)
    if max(width, height) <= most:
        return image
    left, top = max(0, (width - most) // 2), max(0, (height - most) // 2)
    return image.crop((left, top, left + min(width, most), top + min(height, most)))
