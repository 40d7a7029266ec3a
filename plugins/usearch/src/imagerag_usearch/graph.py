"""The optional HNSW graph over an index's rows: it chooses candidates, which are scored exactly."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from imagerag_usearch.config import UsearchConfig
from imagerag_vectors import Code, CodeEntry, VectorStore, file_entry, new_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CHUNK = 8_192


class Graph(Code):
    """usearch's HNSW graph, saved whole after each change."""

    kind = "hnsw"

    def __init__(self, config: UsearchConfig) -> None:
        """Take the graph's shape and effort from `config`."""
        self._config = config
        self._lock = threading.Lock()
        self._index: Any = None

    def shape(self) -> dict[str, Any]:
        """Return what decides how neighbours are linked."""
        return {
            "connectivity": self._config.connectivity,
            "expansion_add": self._config.expansion_add,
        }

    def extend(self, store: VectorStore, old: CodeEntry | None) -> CodeEntry:
        """Link the rows that came since `old`, and save the graph in a new file."""
        import numpy as np

        index = self._empty(store)
        done = 0
        if old is not None:
            file = old.files[0].map(store.folder)
            old.files[0].check_contents(file)
            index.load(file)
            done = old.rows
        start = 0
        for number, matrix in enumerate(store.matrices):
            for first in range(max(done - start, 0), len(matrix), _CHUNK):
                store.check_segment(number)
                block = np.ascontiguousarray(matrix[first : first + _CHUNK])
                keys = np.arange(start + first, start + first + len(block), dtype=np.uint64)
                index.add(keys, block, threads=self._config.threads)
            start += len(matrix)
        path = store.folder / f"graph-{new_name()}.usearch"
        index.save(str(path))
        return CodeEntry(self.kind, self.shape(), store.rows, (file_entry(path),))

    def open(self, store: VectorStore, entry: CodeEntry) -> None:
        """Map the graph's file; it is read through when it is first walked."""
        self._store, self._entry = store, entry.files[0]
        self._file = self._entry.map(store.folder)

    def candidates(
        self, queries: NDArray[np.float32], count: int, threads: int
    ) -> list[NDArray[np.int64]]:
        """Return about `count` rows near each query; some near ones may be missing."""
        import numpy as np

        with self._lock:
            index = self._mapped()
            index.expansion_search = max(self._config.expansion_search, count)
        result = []
        for query in queries:
            found = index.search(query, min(count, len(index)), threads=threads)
            result.append(np.asarray(found.keys).reshape(-1).astype(np.int64))
        return result

    def _mapped(self) -> Any:
        if self._index is None:
            # usearch believes what is in a file, so it gets none that was not checked.
            self._entry.check_contents(self._file)
            index = self._empty(self._store)
            index.view(self._file)
            self._index = index
        return self._index

    def _empty(self, store: VectorStore) -> Any:
        from usearch.index import Index

        return Index(
            ndim=store.manifest.dim,
            metric="ip",
            dtype=store.manifest.dtype,
            connectivity=self._config.connectivity,
            expansion_add=self._config.expansion_add,
            expansion_search=self._config.expansion_search,
        )
