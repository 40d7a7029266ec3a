"""Exact scores of candidates, and their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CHUNK = 8_192


@dataclass(frozen=True)
class Candidates:
    """Rows near one query: sorted by score, the best first, ties by item id.

    `scores` are cosines of the query and the stored vector. Every row of the store whose score is
    above `floor` is among them.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    ids: NDArray[np.uint8]
    floor: float

    def first(self, count: int) -> Candidates:
        """Return the best `count` of them."""
        return Candidates(self.rows[:count], self.scores[:count], self.ids[:count], self.floor)


def cosines(vectors: NDArray[Any], query: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the products of unit vectors with a query, at most 1, in double precision."""
    import numpy as np

    scores = np.empty(len(vectors), dtype=np.float64)
    wide = query.astype(np.float64)
    for start in range(0, len(vectors), _CHUNK):
        here = slice(start, start + _CHUNK)
        # A sum along each row, not a matrix product: equal rows must get equal scores.
        scores[here] = (vectors[here].astype(np.float64) * wide).sum(axis=1)
    return scores.clip(-1.0, 1.0)


def ordered(
    rows: NDArray[np.int64], scores: NDArray[np.float64], ids: NDArray[np.uint8], floor: float
) -> Candidates:
    """Sort candidates by score, the best first, and equal ones by item id."""
    import numpy as np

    words = np.ascontiguousarray(ids).view(">u8")
    order = np.lexsort((words[:, 3], words[:, 2], words[:, 1], words[:, 0], -scores))
    return Candidates(rows[order], scores[order], ids[order], floor)
