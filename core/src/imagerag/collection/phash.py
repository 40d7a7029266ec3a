"""Perceptual hashes: 64 bits that stay nearly the same while a picture is scaled or recompressed.

The signs of the lowest frequencies of a small grey copy, as in pHash (C. Zauner, "Implementation
and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2): 32 × 32 pixels, their
discrete cosine transform, and of its 8 × 8 lowest coefficients without the mean whether each is
above their median.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image, Transpose

SIDE = 32
"""Pixels of a side of the grey copy."""

NEAR = 6
"""Most bits of 64 in which a near duplicate differs. As near are 99.8 % or more of the copies that
were scaled to a quarter, recompressed at quality 30 or lost 1 % on each side, nine of ten with 2 %
cut, one of ten with 5 %; of 1,500 different pictures no two were closer than 12 bits, by
`bench/near_duplicates.py --count 1500`."""

_LOW = 8
_FLAT = 2.0
"""Standard deviation of grey, of 255, below which a copy shows nothing that tells it apart."""


def thumbnail(
    image: Image, extent: tuple[float, float] | None = None, turn: Transpose | None = None
) -> bytes:
    """Return the small grey copy that a hash is made of: `SIDE` × `SIDE` bytes.

    `extent` is the part of `image` that counts, from its upper left corner, in pixels; `turn` is
    what makes it upright.
    """
    from PIL.Image import Resampling

    box = (0, 0, *(extent or image.size))
    copy = image.convert("L").resize((SIDE, SIDE), Resampling.BOX, box=box)
    return (copy if turn is None else copy.transpose(turn)).tobytes()


def hashes(thumbnails: Sequence[bytes]) -> list[int | None]:
    """Return the hash of each grey copy as a signed number of 64 bits.

    None stands for pictures of nearly one colour: they would all seem alike.
    """
    import numpy as np

    if not thumbnails:
        return []
    grey = np.frombuffer(b"".join(thumbnails), dtype=np.uint8).astype(np.float64)
    grey = grey.reshape(-1, SIDE, SIDE)
    waves = _cosines()
    low = (waves @ grey @ waves.T).reshape(len(grey), -1)
    # The mean of the picture, at place 0, says nothing of what it shows.
    above = low > np.median(low[:, 1:], axis=1, keepdims=True)
    above[:, 0] = False
    bits = np.packbits(above, axis=1).view(">i8")[:, 0]
    flat = grey.std(axis=(1, 2)) < _FLAT
    return [None if same else int(one) for one, same in zip(bits, flat, strict=True)]


class NearFinder:
    """Finds the first of many hashes that lies within `NEAR` bits of another.

    Hashes are compared one with all: a hundred thousand take about 0.1 ms.
    """

    def __init__(self) -> None:
        """Begin with no hashes."""
        import numpy as np

        self._hashes: NDArray[np.uint64] = np.zeros(1024, dtype=np.uint64)
        self._ids: list[str] = []

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, identity: str, value: int) -> None:
        """Take in the hash of an item, a signed number of 64 bits."""
        import numpy as np

        count = len(self._ids)
        if count == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
        self._hashes[count] = np.int64(value).astype(np.uint64)
        self._ids.append(identity)

    def first(self, value: int) -> str | None:
        """Return the id of the first item that is near, None where none is."""
        import numpy as np

        known = self._hashes[: len(self._ids)]
        apart = np.bitwise_count(known ^ np.int64(value).astype(np.uint64))
        near = np.flatnonzero(apart <= NEAR)
        return self._ids[int(near[0])] if len(near) else None


def _cosines() -> NDArray[np.float64]:
    """Return the `_LOW` lowest waves of the discrete cosine transform, shape (8, 32)."""
    import numpy as np

    points = (np.arange(SIDE) + 0.5) / SIDE
    return np.cos(np.pi * np.arange(_LOW)[:, None] * points)
