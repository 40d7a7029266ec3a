"""Nearest rows by exact scores: of all rows, or of those that a structure named.

Rough products in single precision choose rows, and these are scored again in double precision with
the unrounded query. A bound on what the products can be wrong by says how far down the list is sure
to be complete.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from imagerag_vectors.best import Best, largest
from imagerag_vectors.scores import Candidates, cosines, ordered

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imagerag_vectors.store import VectorStore

Kernel = Callable[["NDArray[Any]", "NDArray[np.float32]"], "NDArray[Any]"]
"""Rough products of rows (f16 or f32, (rows, dim)) with queries (n, dim), of shape (n, rows)."""

KERNEL_ERROR = 1e-5
"""Rounding of a single-precision sum of a few thousand products of unit vectors."""

_MOST = 8_000_000
"""Products that are held at once, 32 MB of them: with half as many, looking each block of a
thousand queries through takes a fifth of the whole."""

_ROWS = 1_024
"""Rows converted to single precision at once: with 512 dimensions 2 MB, near a core's own cache."""


def nearest(
    store: VectorStore, queries: NDArray[np.float32], count: int, kernel: Kernel
) -> list[Candidates]:
    """Return the `count` rows nearest to each query, dead ones included.

    `queries` are unit vectors, shape (n, dim).
    """
    best = [Best(count) for _ in queries]
    start = 0
    for number, matrix in enumerate(store.matrices):
        store.check_segment(number)
        step = max(_ROWS, _MOST // max(len(queries), 1))
        for first in range(0, len(matrix), step):
            products = kernel(matrix[first : first + step], queries)
            for one, row in zip(best, products, strict=True):
                one.add(start + first, row)
        start += len(matrix)
    result = []
    for query, one in zip(queries, best, strict=True):
        rows, rough = one.end()
        vectors, ids = store.take(rows)
        exact = cosines(vectors, query)
        floor = one.bound + _margin(query, vectors.dtype, rough, exact)
        result.append(ordered(rows, exact, ids, floor))
    return result


def among(
    store: VectorStore,
    rows: NDArray[np.int64],
    query: NDArray[np.float32],
    count: int,
    kernel: Kernel,
) -> Candidates:
    """Return the `count` best of some rows."""
    import numpy as np

    vectors, ids = store.take(rows)
    # Double precision costs more than all the rest, so most rows are left out by rough products.
    most = count + max(count, 32)
    if len(rows) > 2 * most:
        kept = largest(kernel(vectors, query[None])[0], most)
        rows, vectors, ids = rows[kept], vectors[kept], ids[kept]
    return ordered(rows, cosines(vectors, query), ids, -np.inf).first(count)


def products(matrix: NDArray[Any], queries: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return products by BLAS, in blocks that a core's cache holds; a `Kernel`."""
    import numpy as np

    rough = np.empty((len(queries), len(matrix)), dtype=np.float32)
    for start in range(0, len(matrix), _ROWS):
        block = matrix[start : start + _ROWS].astype(np.float32)
        np.matmul(queries, block.T, out=rough[:, start : start + _ROWS])
    return rough


def _margin(
    query: NDArray[np.float32],
    dtype: np.dtype[Any],
    rough: NDArray[Any],
    exact: NDArray[np.float64],
) -> float:
    import numpy as np

    rounding = float(np.linalg.norm(query - query.astype(dtype).astype(np.float32)))
    seen = float(np.abs(rough - exact).max(initial=0.0))
    # The second guards against kernels that sum in less than single precision.
    return max(1.01 * rounding + KERNEL_ERROR, 4.0 * seen)
