"""Rows of 16-bit floats, in faiss's hands: scanned as they are, or turned into 32-bit ones."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

_SPARE: dict[int, deque[Any]] = {}

_ROWS = 1_024
"""Rows converted at once for a product: with 512 dimensions 2 MB, near a core's own cache."""


def is_half(matrix: NDArray[Any]) -> bool:
    """Say whether rows are of 16-bit floats."""
    return matrix.dtype.itemsize == 2


def converted(matrix: NDArray[Any], into: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Return rows as 32-bit floats, twice as fast as numpy does it; such rows as they are.

    `into` is memory to use, of as many rows or more: fresh memory costs as much as the conversion.
    """
    import faiss
    import numpy as np

    if not is_half(matrix):
        return np.ascontiguousarray(matrix, dtype=np.float32)
    codes = np.ascontiguousarray(matrix).view(np.uint8).reshape(-1)
    wide = np.empty(matrix.shape, dtype=np.float32) if into is None else into[: len(matrix)]
    _quantizer(matrix.shape[1]).decode_c(faiss.swig_ptr(codes), faiss.swig_ptr(wide), len(matrix))
    return wide


def products(matrix: NDArray[Any], queries: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return products of rows with queries, shape (n, rows): an `imagerag_vectors.exact.Kernel`."""
    import numpy as np

    found = np.empty((len(queries), len(matrix)), dtype=np.float32)
    wide = np.empty((min(_ROWS, len(matrix)), matrix.shape[1]), dtype=np.float32)
    for start in range(0, len(matrix), _ROWS):
        here = slice(start, start + _ROWS)
        np.matmul(queries, converted(matrix[here], wide).T, out=found[:, here])
    return found


@contextmanager
def scanner(dim: int) -> Iterator[Any]:
    """Lend a scanner of 16-bit rows with `dim` dimensions to one thread.

    faiss's Python side never frees one, and breaks where it is told to. So those that were made
    are used again: there are as many as were ever in use at once.
    """
    import faiss

    spare = _SPARE.setdefault(dim, deque())
    try:
        lent = spare.pop()
    except IndexError:
        metric = faiss.METRIC_INNER_PRODUCT
        lent = _quantizer(dim).select_InvertedListScanner(metric, None, True, None)
    try:
        yield lent
    finally:
        spare.append(lent)


@cache
def _quantizer(dim: int) -> Any:
    """Return what knows 16-bit rows; it has no state, and its scanners refer to it."""
    import faiss

    return faiss.ScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16)
