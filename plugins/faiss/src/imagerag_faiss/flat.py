"""Reading every row: `kind = "flat"`.

f16 rows are what faiss's scalar quantizer calls codes of 16-bit floats, so they are scanned where
they lie, in the mapped files, without a copy. Where there are many queries, blocks of rows become
f32 instead, and are multiplied by BLAS: one block then serves all queries.

The best rows by sums in single precision are not quite the best ones. So more of them are looked
for than are wanted, until the last one is so far below that no row left out can belong to those
wanted by any rounding, however many are equally near.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from imagerag_faiss.halves import converted, is_half, scanner
from imagerag_faiss.threads import limited
from imagerag_vectors.code import Code
from imagerag_vectors.exact import KERNEL_ERROR
from imagerag_vectors.manifest import CodeEntry
from imagerag_vectors.scores import cosines, ordered

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from imagerag_vectors.store import VectorStore

    Found = tuple[NDArray[np.int64], NDArray[np.float32]]
    """Rows and their products with a query, the largest first."""

MANY = 24
"""Queries from which one conversion and a matrix product beat scanning once for each."""

BLOCK = 16_384
"""Rows that are converted at once: 34 MB of f32 at 512 dimensions. With 4,096, picking the best of
each block costs a batch a fifth more."""

WORTH_THREADS = 65_536
"""Rows from which one scan is divided among threads."""


class FlatCode(Code):
    """Names the true nearest rows, and a few more. It has no files: the rows are enough."""

    kind: ClassVar[str] = "flat"

    def shape(self) -> dict[str, Any]:
        """Return nothing: there are no options."""
        return {}

    def extend(self, store: VectorStore, old: CodeEntry | None) -> CodeEntry:
        """Write nothing."""
        return CodeEntry(self.kind, {}, store.rows, ())

    def open(self, store: VectorStore, entry: CodeEntry) -> None:
        """Keep the store, whose files are mapped."""
        self._store = store

    def candidates(
        self, queries: NDArray[np.float32], count: int, threads: int
    ) -> Sequence[NDArray[np.int64]]:
        """Return at least the `count` nearest rows of each query."""
        self._store.check_all()
        queries = _contiguous(queries)
        wanted = min(max(2 * count, 32), self._store.rows)
        if len(queries) < MANY and self._scans():
            found = [self._scanned(query, wanted, threads) for query in queries]
        else:
            with limited(threads):
                found = self._multiplied(queries, wanted)
        return [
            self._sure(query, one, count, threads)
            for query, one in zip(queries, found, strict=True)
        ]

    def _sure(
        self, query: NDArray[np.float32], found: Found, count: int, threads: int
    ) -> NDArray[np.int64]:
        """Return rows that no row left out can be as near as, at least `count` of them."""
        rows, products = found
        everything = self._store.rows
        while len(rows) < everything:
            sure = products > products[-1] + 2 * KERNEL_ERROR
            if sure[count - 1]:
                rows = rows[sure]
                break
            wanted = min(4 * len(rows), everything)
            if self._scans():
                rows, products = self._scanned(query, wanted, threads)
            else:
                with limited(threads):
                    [(rows, products)] = self._multiplied(query[None], wanted)
        if len(rows) <= 4 * count:
            return rows
        # Very many are equally near: which ones come first is settled here, by exact scores and id.
        vectors, ids = self._store.take(rows)
        return ordered(rows, cosines(vectors, query), ids, -math.inf).first(count).rows

    def _scans(self) -> bool:
        return is_half(self._store.matrices[0])

    def _scanned(self, query: NDArray[np.float32], wanted: int, threads: int) -> Found:
        """Find the best rows by scanning f16 rows, in turn or shared by threads."""
        import numpy as np

        matrices = self._store.matrices
        threads = min(threads or os.cpu_count() or 1, len(matrices))
        if threads == 1 or self._store.rows < WORTH_THREADS:
            rows, products = self._scan(query, wanted, range(len(matrices)))
        else:
            bounds = np.linspace(0, len(matrices), threads + 1).astype(int).tolist()
            with ThreadPoolExecutor(threads) as pool:
                tasks = [
                    pool.submit(self._scan, query, wanted, range(a, b)) for a, b in pairwise(bounds)
                ]
                parts = [task.result() for task in tasks]
            rows, products = (np.concatenate(part) for part in zip(*parts, strict=True))
        return _largest(rows, products, wanted)

    def _scan(self, query: NDArray[np.float32], wanted: int, segments: range) -> Found:
        import faiss
        import numpy as np

        matrices = self._store.matrices
        starts = np.cumsum([0, *(len(matrix) for matrix in matrices)])
        products = np.full(wanted, -np.inf, dtype=np.float32)
        labels = np.full(wanted, -1, dtype=np.int64)
        heap = faiss.swig_ptr(products), faiss.swig_ptr(labels)
        with scanner(query.shape[0]) as scan:
            scan.set_query(faiss.swig_ptr(query))
            for number in segments:
                codes = matrices[number].view(np.uint8).reshape(-1)
                scan.set_list(number, 0.0)
                scan.scan_codes(len(matrices[number]), faiss.swig_ptr(codes), None, *heap, wanted)
        there = labels >= 0
        labels, products = labels[there], products[there]
        # A label holds the number of the list in its upper half, the place in it in the lower.
        return starts[labels >> 32] + (labels & 0xFFFF_FFFF), products

    def _multiplied(self, queries: NDArray[np.float32], wanted: int) -> list[Found]:
        """Find the best rows by products of blocks, which serve all queries."""
        import faiss
        import numpy as np

        best = faiss.ResultHeap(len(queries), wanted, keep_max=True)
        wide = np.empty((BLOCK, queries.shape[1]), dtype=np.float32)
        start = 0
        for matrix in self._store.matrices:
            for first in range(0, len(matrix), BLOCK):
                block = converted(matrix[first : first + BLOCK], wide)
                take = min(wanted, len(block))
                products, rows = faiss.knn(queries, block, take, faiss.METRIC_INNER_PRODUCT)
                best.add_result(products, rows + start + first)
            start += len(matrix)
        best.finalize()
        return [(rows, products) for rows, products in zip(best.I, np.asarray(best.D), strict=True)]


def _contiguous(queries: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    return np.ascontiguousarray(queries, dtype=np.float32)


def _largest(rows: NDArray[np.int64], products: NDArray[np.float32], wanted: int) -> Found:
    import numpy as np

    order = np.argsort(-products)[:wanted]
    return rows[order], products[order]
