"""Reading every row: the kernel of `kind = "flat"`, and of everything too small for codes.

f16 rows are what faiss's scalar quantizer calls codes of 16-bit floats, so they are scanned where
they lie, in the mapped file, without a copy. Where there are many queries, blocks of rows become
f32 instead, and are multiplied by BLAS: one block then serves all queries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagerag_faiss.threads import limited

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MANY = 24
"""Queries from which one conversion and a matrix product beat scanning once for each."""

BLOCK = 4_096
"""Rows that are converted at once: 8 MB of f32 at 512 dimensions."""


def kernel(
    matrix: NDArray[Any], queries: NDArray[np.float32], count: int, threads: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the rows of `matrix` with the largest products with each query.

    See `imagerag_vectors.exact.Kernel`. Products are summed in f32 with the unrounded query.
    """
    with limited(threads):
        if matrix.dtype.itemsize == 2 and len(queries) < MANY:
            return _scanned(matrix, queries, count)
        return _multiplied(matrix, queries, count)


def _scanned(
    matrix: NDArray[Any], queries: NDArray[np.float32], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    import faiss
    import numpy as np

    quantizer: Any = faiss.ScalarQuantizer(matrix.shape[1], faiss.ScalarQuantizer.QT_fp16)
    scanner = quantizer.select_InvertedListScanner(faiss.METRIC_INNER_PRODUCT, None, True, None)
    scanner.this.own(True)  # or it is never freed
    scanner.set_list(0, 0.0)
    codes = matrix.view(np.uint8).reshape(-1)
    scores = np.full((len(queries), count), -np.inf, dtype=np.float32)
    rows = np.full((len(queries), count), -1, dtype=np.int64)
    for number, query in enumerate(np.ascontiguousarray(queries)):
        scanner.set_query(faiss.swig_ptr(query))
        heap = faiss.swig_ptr(scores[number]), faiss.swig_ptr(rows[number])
        scanner.scan_codes(len(matrix), faiss.swig_ptr(codes), None, *heap, count)
    return rows, scores.astype(np.float64)


def _multiplied(
    matrix: NDArray[Any], queries: NDArray[np.float32], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    import faiss
    import numpy as np

    half = matrix.dtype.itemsize == 2
    quantizer: Any = faiss.ScalarQuantizer(matrix.shape[1], faiss.ScalarQuantizer.QT_fp16)
    wide = np.empty((min(BLOCK, len(matrix)), matrix.shape[1]), dtype=np.float32)
    scores, rows = [], []
    for start in range(0, len(matrix), BLOCK):
        block = matrix[start : start + BLOCK]
        if half:
            # Twice as fast as numpy's own conversion.
            codes = block.view(np.uint8).reshape(-1)
            quantizer.decode_c(faiss.swig_ptr(codes), faiss.swig_ptr(wide), len(block))
            block = wide[: len(block)]
        take = min(count, len(block))
        products, found = faiss.knn(queries, block, take, faiss.METRIC_INNER_PRODUCT)
        scores.append(products)
        rows.append(found + start)
    joined, all_rows = np.concatenate(scores, axis=1), np.concatenate(rows, axis=1)
    best = np.argpartition(-joined, count - 1, axis=1)[:, :count]
    found_rows = np.take_along_axis(all_rows, best, axis=1)
    return found_rows, np.take_along_axis(joined, best, axis=1).astype(np.float64)
