"""The retriever `shelf`: exact search over the vectors of a shelf."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from imagerag.collection import Change, Collection
from imagerag.errors import CollectionError, ImageError
from imagerag.roles import Context, Encoder, Retriever
from imagerag.values import Facts, Hit, Item, Query

from imagerag_acme.config import ShelfConfig
from imagerag_acme.shelf import Meta, Shelf

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

_PAGE = 256
"""Candidates whose items are looked up at once."""


class ShelfRetriever(Retriever):
    """Compares a query with every vector. Each encoder's space has a file of its own."""

    config: ShelfConfig

    def __init__(self, config: ShelfConfig, context: Context) -> None:
        """Open nothing yet: the first sync does."""
        super().__init__(config, context)
        self._lock = threading.RLock()
        self._forget()

    def close(self) -> None:
        """Let go of the vectors in memory."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._collection: Collection | None = None
        self._loaded: tuple[Path, int] | None = None
        self._ids: list[str] = []
        self._matrix: NDArray[np.float32] | None = None

    def sync(self, collection: Collection) -> int:
        """Bring the shelf up to the collection's change; return how many changes were applied.

        Pictures that cannot be read are left out, with a warning in the log.
        """
        encoder: Encoder = self.context.component("encoder")
        with self._lock:
            shelf = Shelf(shelf_path(collection.path, encoder.space))
            wanted = Meta(collection.uid, encoder.space, encoder.dim, collection.change)
            at = shelf.read(wanted).change
            applied = 0
            while changes := list(islice(collection.changes(at), self.config.batch_size)):
                put, gone = self._embedded(shelf, collection, encoder, changes)
                # Another process may have been here meanwhile; then its work is not done again.
                if shelf.advance(at, changes[-1].number, put, gone):
                    applied += len(changes)
                at = shelf.read(wanted).change
                self.context.progress("index", applied, 0)
            if self._loaded != (shelf.path, at) or self._collection is not collection:
                change, self._ids, self._matrix = shelf.load()
                self._loaded = (shelf.path, change)
            self._collection = collection
            return applied

    def search(
        self, queries: Sequence[Query], k: int, where: Callable[[Item], bool] | None = None
    ) -> list[list[Hit]]:
        """Return up to `k` hits per query: cosines descending, ties by item id.

        The collection is asked for each item, so what was removed since the last sync is hidden.
        """
        with self._lock:
            collection, ids, matrix = self._collection, self._ids, self._matrix
        if collection is None or matrix is None:
            raise CollectionError(
                "'shelf' was searched before it knew a collection. Call sync(collection) first, or "
                "run: imagerag index"
            )
        if k < 1 or not ids:
            return [[] for _ in queries]
        return [self._nearest(query, collection, ids, matrix, k, where) for query in queries]

    def facts(self) -> Facts:
        """Say what it runs and costs."""
        return Facts(
            implementation="sqlite3, numpy",
            usd_per_picture=0.0,
            proven="equal to brute force; killed while indexing, it lost and doubled nothing",
        )

    def _nearest(
        self,
        query: Query,
        collection: Collection,
        ids: list[str],
        matrix: NDArray[np.float32],
        k: int,
        where: Callable[[Item], bool] | None,
    ) -> list[Hit]:
        import numpy as np

        encoder: Encoder = self.context.component("encoder")
        if query.image is not None:
            asked = encoder.encode_images([query.image])[0]
        else:
            asked = encoder.encode_texts([query.text or ""])[0]
        # A sum along each row, not a matrix product: equal vectors must get equal scores. The ids
        # are in order and the sort is stable, so ties come in the order of ids.
        scores = (matrix * asked).sum(axis=1)
        order = np.argsort(-scores, kind="stable").tolist()
        hits: list[Hit] = []
        for start in range(0, len(order), _PAGE):
            page = order[start : start + _PAGE]
            items = collection.lookup([ids[row] for row in page])
            for row in page:
                item = items.get(ids[row])
                if item is not None and (where is None or where(item)):
                    hits.append(Hit(item, float(scores[row]), query.text or ""))
            if len(hits) >= k:
                break
        return hits[:k]

    def _embedded(
        self, shelf: Shelf, collection: Collection, encoder: Encoder, changes: Sequence[Change]
    ) -> tuple[dict[str, NDArray[np.float32]], list[str]]:
        """Return the vectors that these changes add, and the ids that they take away."""
        import numpy as np

        gone = [change.id for change in changes if change.item is None]
        there = [change.id for change in changes if change.item is not None]
        # A changed caption changes no vector.
        there = sorted(set(there) - shelf.known(there))
        put = collection.vectors(encoder.space, there)
        pictures = {}
        for one in there:
            if one not in put:
                try:
                    pictures[one] = collection.image(one)
                except (CollectionError, ImageError) as error:
                    log.warning("The item %s is left out of the index: %s", one[:12], error)
        if pictures:
            vectors = np.asarray(encoder.encode_images(list(pictures.values())), dtype=np.float32)
            collection.put_vectors(encoder.space, list(pictures), vectors)
            put |= dict(zip(pictures, vectors, strict=True))
        return put, gone


def shelf_path(collection: Path, space: str) -> Path:
    """Return where the shelf of a collection in an encoder's space lies."""
    digest = hashlib.sha256(space.encode()).hexdigest()[:16]
    return collection / "indexes" / f"acme-shelf-{digest}.sqlite"
