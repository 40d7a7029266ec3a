"""Rough products of all rows with queries, by the kernels that usearch is built on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagerag_vectors.exact import products

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROWS = 512
"""Rows converted to single precision at once: with 512 dimensions they fit a core's own cache."""


def rough(matrix: NDArray[Any], queries: NDArray[np.float32]) -> NDArray[Any]:
    """Return products of rows with queries, shape (n, rows).

    One query is compared with half-precision rows as they are, at the speed of memory; for more,
    rows are converted block by block, and matrix products do the rest.
    """
    import numkong
    import numpy as np

    if matrix.dtype != np.float16:
        return products(matrix, queries)
    if len(queries) == 1:
        half = queries.astype(np.float16)
        return np.asarray(numkong.cdist(half, matrix, "dot", dtype="float16"))
    found = np.empty((len(queries), len(matrix)), dtype=np.float32)
    for start in range(0, len(matrix), _ROWS):
        block = np.asarray(numkong.astype(matrix[start : start + _ROWS], "float32"))
        np.matmul(queries, block.T, out=found[:, start : start + _ROWS])
    return found
