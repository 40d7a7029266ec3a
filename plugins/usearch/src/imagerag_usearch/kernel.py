"""Rough products of all rows with queries, by the kernels that usearch is built on.

What is fastest depends on how many queries share a reading of the rows. In half precision, rows are
compared one by one at the speed of memory, or in small tiles; from some dozens on, converting a
block once and multiplying it by BLAS is as fast as BLAS alone. On one core, 350,000 × 512:

| queries | one by one | tiles | BLAS |
|---|---|---|---|
| 1 | 17 ms | 53 ms | 70 ms |
| 8 | 136 ms | 65 ms | 140 ms |
| 64 | 1.1 s | 0.26 s | 0.28 s |
| 300 | 5.1 s | 1.4 s | 1.3 s |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagerag_vectors.exact import products

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEW, MANY = 4, 48
"""Up to `FEW` queries are compared one by one, from `MANY` on by BLAS."""

_ROWS = 2_048
"""Rows in a block: 2 MB in half precision, and as many as BLAS needs for its full rate."""


def rough(matrix: NDArray[Any], queries: NDArray[np.float32]) -> NDArray[Any]:
    """Return products of rows with queries, shape (n, rows), right to about 3e-4."""
    import numpy as np

    if matrix.dtype != np.float16:
        return products(matrix, queries)
    if len(queries) <= FEW:
        return _one_by_one(matrix, queries)
    return _in_tiles(matrix, queries) if len(queries) < MANY else _by_blas(matrix, queries)


def _one_by_one(matrix: NDArray[Any], queries: NDArray[np.float32]) -> NDArray[np.float64]:
    import numkong
    import numpy as np

    half = queries.astype(np.float16)
    if len(half) == 1:
        return np.asarray(numkong.cdist(half, matrix, "dot", dtype="float16"))
    found = np.empty((len(half), len(matrix)))
    for start in range(0, len(matrix), _ROWS):
        block = matrix[start : start + _ROWS]
        for number in range(len(half)):
            one = numkong.cdist(half[number : number + 1], block, "dot", dtype="float16")
            found[number, start : start + _ROWS] = np.asarray(one)[0]
    return found


def _in_tiles(matrix: NDArray[Any], queries: NDArray[np.float32]) -> NDArray[np.float32]:
    import numkong
    import numpy as np

    found = np.empty((len(queries), len(matrix)), dtype=np.float32)
    packed = numkong.dots_pack(queries.astype(np.float16), dtype="float16")
    for start in range(0, len(matrix), _ROWS):
        block = numkong.dots_packed(matrix[start : start + _ROWS], packed)
        found[:, start : start + _ROWS] = np.asarray(block).T
    return found


def _by_blas(matrix: NDArray[Any], queries: NDArray[np.float32]) -> NDArray[np.float32]:
    import numkong
    import numpy as np

    found = np.empty((len(queries), len(matrix)), dtype=np.float32)
    turned = queries.T
    for start in range(0, len(matrix), _ROWS):
        block = np.asarray(numkong.astype(matrix[start : start + _ROWS], "float32"))
        # Rows first: BLAS takes a tall matrix times a flat one 10 % faster than the other way.
        found[:, start : start + _ROWS] = (block @ turned).T
    return found
