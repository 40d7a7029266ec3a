"""Pictures as the model takes them: RGB, upright, not slimmer than can be resized."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagerag.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

SLIMMEST = 16
"""Side ratio beyond which a picture is cut to its middle before the shorter side is resized: a line
of 1 x 5000 pixels would become 256 x 1,280,000, of which only the middle is looked at anyway."""


def prepared(image: Image, *, cut: bool) -> Image:
    """Return `image` in RGB by the rules that a collection reads files by.

    Transparency is laid over white and 16-bit grey is scaled to 8, so that a picture equals its
    own file. `cut` says whether the shorter side is what will be resized, so that very slim ones
    must be cut.

    Raises:
        ImageError: The picture has no pixels, or cannot be decoded.
    """
    width, height = image.size
    short = min(width, height)
    if short < 1:
        raise ImageError(f"A picture cannot be encoded: it is {width} x {height} pixels")
    try:
        image = image if image.mode == "RGB" else _rgb(image)
        image.load()
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageError(f"A picture cannot be encoded: {error}") from error
    if cut and max(width, height) > SLIMMEST * short:
        across, down = min(width, SLIMMEST * short), min(height, SLIMMEST * short)
        left, top = (width - across) // 2, (height - down) // 2
        image = image.crop((left, top, left + across, top + down))
    return image


def _rgb(image: Image) -> Image:
    from PIL import Image as PillowImage

    if image.mode == "I" or image.mode.startswith("I;16"):
        import numpy as np

        # Pillow's own conversion clips 16-bit values at 255 instead of scaling them.
        values = np.asarray(image)
        grey = (values.astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
        return PillowImage.fromarray(grey).convert("RGB")
    if image.mode in {"LA", "PA", "La", "RGBa", "RGBA"} or "transparency" in image.info:
        image = image.convert("RGBA")
        canvas = PillowImage.new("RGB", image.size, (255, 255, 255))
        canvas.paste(image, mask=image)
        return canvas
    return image.convert("RGB")
