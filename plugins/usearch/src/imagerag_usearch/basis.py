"""A short code for vectors: half as many directions as dimensions, two bits for each.

The directions are those along which the vectors of a collection differ most (principal
components), turned at random among themselves, so that each carries about as much as any other
and two bits suit all. A vector keeps, for each direction, which of four equal steps around the mean
it falls into, and one factor that corrects its length. The cosine of a query with it is then
estimated from sums of bits: the query's numbers are rounded to four bits, which are four planes of
single bits, so that all the work there is, is counting the bits that two words share.

That a random rotation makes two bits enough, and how the factor makes the estimate unbiased, is
shown for one bit in RaBitQ (Gao and Long, SIGMOD 2024). The step is the best for a normal
distribution in four levels (Max, IRE Transactions on Information Theory 6, 1960).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BITS = 2
STEP = 0.9957
"""Width of a step, in standard deviations: Max's for four equal steps."""

PLANES = 4
"""Bits of a query's numbers: numkong counts four planes in the time of one."""

PLANE_WEIGHTS = (1.0, 2.0, 4.0, -8.0)
"""What a bit of each plane counts: two's complement."""

_LEAST = 256
"""Vectors of fewer dimensions keep them all: there is nothing to save."""

_CLIPS = (0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 1.0)
"""Shares of the largest weight that rounding is tried with."""


def directions(dim: int) -> int:
    """Return how many directions are kept of vectors of `dim` dimensions."""
    return dim if dim <= _LEAST else max(_LEAST, -(-dim // 16) * 8)


@dataclass(frozen=True)
class QueryPlanes:
    """A query in four planes of bits, shape (4, bytes); `scale` and `shift` make estimates of sums.

    The estimate for a row is its factor × (scale × weighted sum of shared bits + shift), plus
    something that is the same for all rows.
    """

    planes: NDArray[np.uint8]
    scale: float
    shift: float


@dataclass(frozen=True)
class Basis:
    """What codes are made with: `mean` (dim), `turn` (dim, directions), `steps` (directions)."""

    mean: NDArray[np.float32]
    turn: NDArray[np.float32]
    steps: NDArray[np.float32]

    @classmethod
    def of(cls, sample: NDArray[np.float32]) -> Basis:
        """Find the directions of some vectors, shape (n, dim). The same sample gives the same."""
        import numpy as np

        dim = sample.shape[1]
        kept = directions(dim)
        mean = sample.mean(axis=0)
        centred = sample - mean
        axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :kept]
        turned = np.linalg.qr(np.random.default_rng(0).standard_normal((kept, kept)))[0]
        turn = np.ascontiguousarray(axes @ turned, dtype=np.float32)
        # Where all vectors are alike, any step will do but none of no width.
        steps = np.maximum(STEP * (centred @ turn).std(axis=0), 1e-6)
        return cls(mean, turn, steps.astype(np.float32))

    @property
    def row_bytes(self) -> int:
        """Bytes of one row's bits."""
        return -(-BITS * len(self.steps) // 8)

    def numbers(self) -> NDArray[np.float32]:
        """Return everything as one row of numbers, to be kept."""
        import numpy as np

        return np.concatenate([self.mean, self.turn.reshape(-1), self.steps]).astype("<f4")

    @classmethod
    def from_numbers(cls, numbers: NDArray[np.float32], dim: int) -> Basis:
        """Return what `numbers` was called on; views of it, no copies."""
        kept = directions(dim)
        mean, turn, steps = numbers[:dim], numbers[dim:-kept], numbers[-kept:]
        return cls(mean, turn.reshape(dim, kept), steps)

    def encode(self, vectors: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return the bits of each vector, shape (n, row_bytes), and its factor."""
        import numpy as np

        centred = vectors.astype(np.float32) - self.mean
        along = centred @ self.turn
        levels = np.floor(along / self.steps + 2.0).clip(0, 3).astype(np.uint8)
        bits = np.packbits(np.concatenate([levels & 1, levels >> 1], axis=1), axis=1)
        shown = np.einsum("ij,ij->i", along, (levels - np.float32(1.5)) * self.steps)
        length = np.einsum("ij,ij->i", centred, centred)
        factors = np.divide(length, shown, out=np.ones_like(length), where=shown > 1e-12)
        return bits, factors.astype("<f4")

    def planes(self, query: NDArray[np.float32]) -> QueryPlanes:
        """Return a query, shape (dim,), in the form that codes are compared with."""
        import numpy as np

        weights = (query @ self.turn) * self.steps
        both = np.concatenate([weights, 2.0 * weights])
        largest = float(np.abs(both).max()) or 1.0
        top = 2 ** (PLANES - 1) - 1
        scales = np.array(_CLIPS)[:, None] * (largest / top)
        rounded = np.rint(both / scales).clip(-top - 1, top)
        best = int(((rounded * scales - both) ** 2).sum(axis=1).argmin())
        whole = rounded[best].astype(np.int8).view(np.uint8)
        planes = np.packbits([(whole >> plane) & 1 for plane in range(PLANES)], axis=1)
        return QueryPlanes(planes, float(scales[best, 0]), -1.5 * float(weights.sum()))
