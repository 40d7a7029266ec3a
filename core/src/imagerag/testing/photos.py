"""Pictures with the statistics of photographs, drawn from a seed, for tests and benchmarks.

Discs of power-law sizes that hide one another (the dead-leaves model: Lee, Mumford and Huang,
"Occlusion models for natural images", 2001) give edges at every scale and the 1/f spectrum of
photographs; noise of octaves on top stands for texture, and fine grain for the sensor.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

_LEAVES = 600
_SMALLEST = 0.015
_LARGEST = 0.5
"""Radii of the leaves, as shares of the longer side."""


def photograph(width: int, height: int, seed: int) -> Image:
    """Return a picture in RGB; the same arguments give the same pixels."""
    import numpy as np
    from PIL import Image as PillowImage
    from PIL import ImageDraw

    random = np.random.default_rng(seed)
    tint = random.uniform(40, 215, 3)
    picture = PillowImage.new("RGB", (width, height), tuple(int(part) for part in tint))
    draw = ImageDraw.Draw(picture)
    side = max(width, height)
    # Density of radii falls as their third power: the inverse of its distribution function.
    share = random.uniform(0, 1, _LEAVES)
    radii = side * (_SMALLEST**-2 + share * (_LARGEST**-2 - _SMALLEST**-2)) ** -0.5
    for radius in radii:
        x, y = random.uniform(0, width), random.uniform(0, height)
        flat = radius * random.uniform(0.3, 1.0)
        colour = (tint + random.normal(0, 60, 3)).clip(0, 255).astype(int)
        box = (x - radius, y - flat, x + radius, y + flat)
        if random.uniform() < 0.3:
            draw.rectangle(box, fill=tuple(colour))
        else:
            draw.ellipse(box, fill=tuple(colour))
    pixels = np.asarray(picture, dtype=np.float32) + _texture(width, height, random)
    grain = random.normal(0, 4, (height, width, 1)).astype(np.float32)
    return PillowImage.fromarray((pixels + grain).clip(0, 255).astype(np.uint8))


def photograph_jpeg(width: int, height: int, seed: int, quality: int = 85) -> bytes:
    """Return `photograph` as the bytes of a JPEG."""
    buffer = io.BytesIO()
    photograph(width, height, seed).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _texture(width: int, height: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Return noise of octaves, each half as strong as the one of twice its size."""
    import numpy as np
    from PIL import Image as PillowImage

    total = np.zeros((height, width, 1), dtype=np.float32)
    for octave in range(2, 8):
        cells = 2**octave
        across, down = max(2, cells * width // max(width, height)), max(2, cells * height // width)
        noise = PillowImage.fromarray(random.normal(0, 1, (down, across)).astype(np.float32))
        scaled = noise.resize((width, height), PillowImage.Resampling.BICUBIC)
        total += np.asarray(scaled)[..., None] * (48 / 2 ** (octave - 1))
    return total
