"""How large references reach a model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


def fitted(image: Image, area: int, least: int) -> Image:
    """Return `image` with at most `area` square pixels, and both sides of at least `least` pixels.

    Its proportions stay; a picture that fits is returned as it is. Where both is not possible the
    shorter side decides, so that a very long picture may have more than `area`.
    """
    from PIL.Image import Resampling

    width, height = image.size
    # Rounded down as Flux2ImageProcessor does it, so that a megapixel is the pipeline's own.
    scale = min(1.0, math.sqrt(area / (width * height)))
    scale = max(scale, least / min(width, height))
    if scale == 1:
        return image
    size = (max(least, int(width * scale)), max(least, int(height * scale)))
    return image.resize(size, Resampling.LANCZOS)
