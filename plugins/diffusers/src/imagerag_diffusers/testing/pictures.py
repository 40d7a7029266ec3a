"""Pictures to show as references, and how much two pictures differ."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from imagerag.values import Reference

COLOURS = (("white", "red"), ("black", "yellow"), ("green", "blue"), ("orange", "purple"))


def two_tone(ground: str, shape: str, size: tuple[int, int] = (48, 40)) -> Image.Image:
    """Return a ball of one colour on a ground of another, RGB, of (width, height) `size`."""
    picture = Image.new("RGB", size, ground)
    width, height = size
    box = (width // 6, height // 6, width - width // 6, height - height // 6)
    ImageDraw.Draw(picture).ellipse(box, fill=shape)
    return picture


def references(
    count: int = len(COLOURS), size: tuple[int, int] = (48, 40)
) -> tuple[Reference, ...]:
    """Return references that differ in every pixel that matters; there are four."""
    return tuple(
        Reference(two_tone(ground, shape, size), caption=f"a {shape} ball")
        for ground, shape in COLOURS[:count]
    )


def difference(a: Image.Image, b: Image.Image) -> float:
    """Return the mean absolute difference of two pictures of one size, 0 to 255."""
    import numpy as np

    return float(np.abs(np.asarray(a, "float32") - np.asarray(b, "float32")).mean())


def pixels(pictures: Sequence[Image.Image]) -> list[bytes]:
    """Return the bytes of pictures, to compare them bit for bit."""
    return [picture.tobytes() for picture in pictures]
