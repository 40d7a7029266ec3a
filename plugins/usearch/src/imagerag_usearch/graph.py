"""The optional HNSW graph over an index's rows: it chooses candidates, which are scored exactly."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Any

from imagerag_usearch.config import UsearchConfig
from imagerag_usearch.exact import Candidates, ordered, score
from imagerag_usearch.manifest import GraphEntry, file_entry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imagerag_usearch.store import VectorStore

log = logging.getLogger(__name__)

_CHUNK = 8_192


def is_current(store: VectorStore, config: UsearchConfig) -> bool:
    """Whether the store's graph has all rows and the configured shape."""
    graph = store.manifest.graph
    return graph is not None and graph.rows == store.rows and _fits(graph, config)


def extend(store: VectorStore, config: UsearchConfig) -> None:
    """Bring the store's graph up to its rows, in a new file; `store.commit` makes it count."""
    import numpy as np

    old = store.manifest.graph
    index = _index(store, config)
    done = 0
    if old is not None and _fits(old, config) and old.rows <= store.rows:
        index.load(str(store.folder / old.file.name))
        done = old.rows
    start = 0
    for matrix in store.matrices:
        for first in range(max(done - start, 0), len(matrix), _CHUNK):
            block = np.ascontiguousarray(matrix[first : first + _CHUNK])
            keys = np.arange(start + first, start + first + len(block), dtype=np.uint64)
            index.add(keys, block, threads=config.threads)
        start += len(matrix)
    path = store.folder / f"graph-{uuid.uuid4().hex[:16]}.usearch"
    index.save(str(path))
    entry = GraphEntry(store.rows, config.connectivity, config.expansion_add, file_entry(path))
    store.set_graph(entry)


def view(store: VectorStore, config: UsearchConfig) -> Any:
    """Open the store's graph by memory map."""
    index = _index(store, config)
    graph = store.manifest.graph
    assert graph is not None
    index.view(str(store.folder / graph.file.name))
    return index


def nearest(
    index: Any,
    store: VectorStore,
    queries: NDArray[np.float32],
    count: int,
    config: UsearchConfig,
) -> list[Candidates]:
    """Return about `count` rows near each query, scored exactly; some near ones may be missing."""
    import numpy as np

    index.expansion_search = max(config.expansion_search, count)
    result = []
    for query in queries:
        found = index.search(query, min(count, len(index)), threads=config.threads)
        rows = np.asarray(found.keys).reshape(-1).astype(np.int64)
        scores, ids = score(store, rows, query)
        result.append(ordered(rows, scores, ids, -np.inf))
    return result


def _fits(graph: GraphEntry, config: UsearchConfig) -> bool:
    return (graph.connectivity, graph.expansion_add) == (
        config.connectivity,
        config.expansion_add,
    )


def _index(store: VectorStore, config: UsearchConfig) -> Any:
    from usearch.index import Index

    return Index(
        ndim=store.manifest.dim,
        metric="ip",
        dtype=store.manifest.dtype,
        connectivity=config.connectivity,
        expansion_add=config.expansion_add,
        expansion_search=config.expansion_search,
    )
