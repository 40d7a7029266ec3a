"""A tiny real encoder, for the tests of indexes of vectors.

It reads a vector out of a picture's pixels, and makes one from a text's hash, so that what is
nearest to what is known without a model.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagerag.roles import Context, Encoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

DIM = 12
"""Dimensions by default, and the pixels in a row of `pixel_picture`."""


class PixelEncoder(Encoder):
    """Reads the first `dim` grey values of a picture as its vector.

    `encoded` counts the pictures it was given, so that tests can say that nothing is computed
    twice.
    """

    def __init__(self, space: str = "pixels", dim: int = DIM) -> None:
        super().__init__(None, Context(component=lambda role: None, cache_dir=Path()))
        self._space, self._dim = space, dim
        self.encoded = 0

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    @property
    def space(self) -> str:
        """The id it was given."""
        return self._space

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a random unit vector for each text, the same for the same text."""
        import numpy as np

        seeds = [int.from_bytes(hashlib.sha256(t.encode()).digest()[:4], "big") for t in texts]
        return unit(np.array([np.random.default_rng(s).normal(size=self._dim) for s in seeds]))

    def encode_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return the unit vector that each picture holds."""
        import numpy as np

        self.encoded += len(images)
        rows = [np.asarray(image.convert("L")).reshape(-1)[: self._dim] for image in images]
        return unit(np.array(rows, dtype=np.float64) - 127.3)


def unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return rows at length 1."""
    import numpy as np

    scaled: NDArray[np.floating] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled.astype(np.float32)


def pixel_picture(number: int) -> bytes:
    """Return a PNG whose grey values are those of a random vector."""
    import numpy as np
    from PIL import Image

    values = np.random.default_rng(number).integers(0, 256, (1, DIM), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.vstack([values, values])).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
