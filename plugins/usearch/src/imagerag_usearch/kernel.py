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

_ROWS = 1_024
"""Rows in a block: 1 MB in half precision, and enough for BLAS to be near its full rate."""


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

    count, dim = matrix.shape
    found = np.empty((len(queries), count), dtype=np.float32)
    # Used again for each block: fresh memory costs a tenth of the whole.
    converted = numkong.zeros((_ROWS, dim), dtype="float32")
    shared = np.asarray(converted)
    multiplied = np.empty((_ROWS, len(queries)), dtype=np.float32)
    for start in range(0, count, _ROWS):
        block = matrix[start : start + _ROWS]
        if len(block) < _ROWS:
            shared = np.asarray(numkong.astype(block, "float32"))
        else:
            numkong.astype(block, "float32", out=converted)
        # Rows first: BLAS takes a tall matrix times a flat one faster than the other way.
        np.matmul(shared, queries.T, out=multiplied[: len(block)])
        found[:, start : start + _ROWS] = multiplied[: len(block)].T
    return found
