"""Nearest rows by exhaustive search, exact in spite of a fast kernel's rounding.

usearch's kernels compare a query that is rounded to the rows' own type, and sum in single
precision. So they choose candidates, and the candidates are scored again in double precision with
the unrounded query. A bound on what the kernel can be wrong by says how far down the candidates are
sure to be complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imagerag_usearch.store import VectorStore

KERNEL_ERROR = 1e-5
"""Rounding of a single-precision sum of a few thousand products of unit vectors."""

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


def nearest(
    store: VectorStore, queries: NDArray[np.float32], count: int, threads: int
) -> list[Candidates]:
    """Return at least the `count` rows nearest to each query, dead ones included.

    `queries` are unit vectors, shape (n, dim). `threads` is that of usearch, 0 for all cores.
    """
    import numpy as np
    from usearch.index import search

    rows: list[NDArray[np.int64]] = []
    scores: list[NDArray[np.float64]] = []
    cut: list[NDArray[np.bool_]] = []
    start = 0
    for matrix in store.matrices:
        take = min(count, len(matrix))
        found = search(matrix, queries, take, metric="ip", exact=True, threads=threads)
        shape = (len(queries), take)
        rows.append(np.asarray(found.keys).reshape(shape).astype(np.int64) + start)
        scores.append(1.0 - np.asarray(found.distances).reshape(shape).astype(np.float64))
        # Only the last of a cut list bounds the rows that were left out.
        last = np.zeros(shape, dtype=bool)
        last[:, -1] = take < len(matrix)
        cut.append(last)
        start += len(matrix)
    if not rows:
        return [_none() for _ in queries]
    joined = np.concatenate(rows, axis=1), np.concatenate(scores, axis=1)
    ends = np.concatenate(cut, axis=1)[0]
    result = []
    for number, query in enumerate(queries):
        mine, rough = joined[0][number], joined[1][number]
        exact, ids = score(store, mine, query)
        floor = -np.inf
        if ends.any():
            floor = float(rough[ends].max()) + _margin(query, store.matrices[0].dtype, rough, exact)
        result.append(ordered(mine, exact, ids, floor))
    return result


def score(
    store: VectorStore, rows: NDArray[np.int64], query: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Return the cosines of some rows with a query, at most 1, and the ids of those rows."""
    import numpy as np

    scores = np.empty(len(rows), dtype=np.float64)
    ids = np.empty((len(rows), 32), dtype=np.uint8)
    wide = query.astype(np.float64)
    for start in range(0, len(rows), _CHUNK):
        here = slice(start, start + _CHUNK)
        vectors, ids[here] = store.take(rows[here])
        # A sum along each row, not a matrix product: equal rows must get equal scores.
        scores[here] = (vectors.astype(np.float64) * wide).sum(axis=1)
    return scores.clip(-1.0, 1.0), ids


def ordered(
    rows: NDArray[np.int64], scores: NDArray[np.float64], ids: NDArray[np.uint8], floor: float
) -> Candidates:
    """Sort candidates by score, the best first, and equal ones by item id."""
    import numpy as np

    words = np.ascontiguousarray(ids).view(">u8")
    order = np.lexsort((words[:, 3], words[:, 2], words[:, 1], words[:, 0], -scores))
    return Candidates(rows[order], scores[order], ids[order], floor)


def _margin(
    query: NDArray[np.float32],
    dtype: np.dtype[Any],
    rough: NDArray[np.float64],
    exact: NDArray[np.float64],
) -> float:
    import numpy as np

    rounding = float(np.linalg.norm(query - query.astype(dtype).astype(np.float32)))
    seen = float(np.abs(rough - exact).max(initial=0.0))
    # The second guards against kernels that sum in less than single precision.
    return max(1.01 * rounding + KERNEL_ERROR, 4.0 * seen)


def _none() -> Candidates:
    import numpy as np

    return Candidates(
        np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros((0, 32), dtype=np.uint8), -np.inf
    )
