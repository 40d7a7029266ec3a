"""From candidate rows to hits: what was removed or does not pass a filter is left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from imagerag.values import Hit, Item
from imagerag_vectors.scores import Candidates

if TYPE_CHECKING:
    from imagerag.collection import Collection
    from imagerag_vectors.store import VectorStore


def hits_of(
    near: Candidates,
    collection: Collection,
    store: VectorStore,
    k: int,
    where: Callable[[Item], bool] | None,
    label: str,
) -> list[Hit]:
    """Return the first `k` candidates that are sure, alive, and pass the filter."""
    hits: list[Hit] = []
    good = (near.scores > near.floor) & ~store.dead[near.rows]
    ids = [row.tobytes().hex() for row in near.ids[good]]
    scores = near.scores[good]
    page = k if where is None else max(2 * k, 32)
    for start in range(0, len(ids), page):
        names = ids[start : start + page]
        # From the catalogue, not from the index: what was removed since the last sync is not there.
        items = collection.lookup(names)
        for name, score in zip(names, scores[start : start + page], strict=True):
            item = items.get(name)
            if item is not None and (where is None or where(item)):
                hits.append(Hit(item, float(score), label))
                if len(hits) == k:
                    return hits
    return hits
