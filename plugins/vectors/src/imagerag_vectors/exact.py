"""Nearest rows by exhaustive search, exact in spite of a fast kernel's rounding.

Matrix products in single precision choose candidates, and the candidates are scored again in double
precision with the unrounded query. A bound on what the products can be wrong by says how far down
the candidates are sure to be complete.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from imagerag_vectors.scores import Candidates, ordered, score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imagerag_vectors.store import VectorStore

Kernel = Callable[
    ["NDArray[Any]", "NDArray[np.float32]", int, int],
    "tuple[NDArray[np.int64], NDArray[np.float64]]",
]
"""Finds the rows of one matrix with the largest products with each query, by rough products.

It is called with the matrix (f16 or f32), queries (n, dim), how many rows are wanted, at most as
many as there are, and the threads, 0 for all. It returns rows and products, each (n, count), in any
order.
"""

KERNEL_ERROR = 1e-5
"""Rounding of a single-precision sum of a few thousand products of unit vectors."""


def nearest(
    store: VectorStore, queries: NDArray[np.float32], count: int, threads: int, kernel: Kernel
) -> list[Candidates]:
    """Return at least the `count` rows nearest to each query, dead ones included.

    `queries` are unit vectors, shape (n, dim). `threads` is that of the kernel, 0 for all cores.
    """
    import numpy as np

    store.check_all()
    rows: list[NDArray[np.int64]] = []
    rough: list[NDArray[np.float64]] = []
    # The least of each list that was cut bounds the rows that it left out.
    bounds = np.full(len(queries), -np.inf)
    start = 0
    for matrix in store.matrices:
        take = min(count, len(matrix))
        found, products = kernel(matrix, queries, take, threads)
        rows.append(found + start)
        rough.append(products)
        if take < len(matrix):
            bounds = np.maximum(bounds, products.min(axis=1))
        start += len(matrix)
    if not rows:
        return [_none() for _ in queries]
    joined, joined_rough = np.concatenate(rows, axis=1), np.concatenate(rough, axis=1)
    result = []
    for number, query in enumerate(queries):
        mine = joined[number]
        exact, ids = score(store, mine, query)
        margin = _margin(query, store.matrices[0].dtype, joined_rough[number], exact)
        result.append(ordered(mine, exact, ids, float(bounds[number]) + margin))
    return result


def products(
    matrix: NDArray[Any], queries: NDArray[np.float32], count: int, threads: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the rows with the largest products by BLAS, in blocks that a core's cache holds."""
    import numpy as np

    rough = np.empty((len(queries), len(matrix)), dtype=np.float32)
    for start in range(0, len(matrix), _ROWS):
        block = matrix[start : start + _ROWS].astype(np.float32)
        rough[:, start : start + _ROWS] = queries @ block.T
    if count < len(matrix):
        best = np.argpartition(rough, len(matrix) - count, axis=1)[:, len(matrix) - count :]
    else:
        best = np.broadcast_to(np.arange(len(matrix)), rough.shape)
    return best.astype(np.int64), np.take_along_axis(rough, best, axis=1).astype(np.float64)


_ROWS = 1_024


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
