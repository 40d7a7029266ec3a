"""Catching up with a collection: additions, removals, and what an index is to throw away."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagerag.embedding import Embedder
from imagerag.errors import SpaceMismatchError
from imagerag_vectors.code import Code
from imagerag_vectors.files import DamagedIndexError
from imagerag_vectors.manifest import Manifest
from imagerag_vectors.store import BLOCK, VectorStore

if TYPE_CHECKING:
    from imagerag.collection import Collection
    from imagerag.roles import Encoder

log = logging.getLogger(__name__)

_EMBED = 512
"""Items whose embeddings are asked of the collection at once."""


def on_disk(folder: Path) -> Manifest | None:
    """Return the manifest of an index, or None where there is none that can be read."""
    try:
        return Manifest.read(folder)
    except DamagedIndexError:
        return None


def loaded(
    folder: Path, collection: Collection, encoder: Encoder, dtype: Any, *, anew: bool = False
) -> VectorStore:
    """Return the index on disk, or an empty one where there is none that can be used.

    With `anew`, whatever is there counts for nothing. Raises `SpaceMismatchError` where the folder
    holds an index of another encoder.
    """
    try:
        manifest = None if anew else Manifest.read(folder)
        if manifest is not None:
            if (manifest.space, manifest.dim) != (encoder.space, encoder.dim):
                raise SpaceMismatchError(
                    f"The index {str(folder)!r} was built in the space {manifest.space!r} with "
                    f"{manifest.dim} dimensions; this encoder's is {encoder.space!r} with "
                    f"{encoder.dim}. Delete that folder, then run: imagerag index"
                )
            usable = (
                manifest.dtype == dtype
                and manifest.collection == collection.uid
                and manifest.change <= collection.change
            )
            if usable:
                return VectorStore.load(folder, manifest)
    except DamagedIndexError as error:
        log.warning("The index %s is damaged and is built anew: %s.", folder, error)
    return VectorStore(folder, Manifest(encoder.space, encoder.dim, dtype, collection.uid))


def finish(store: VectorStore, change: int, code: Callable[[int], Code | None]) -> None:
    """Bring rows and structure into order, make them the index, and delete what it was before."""
    store.compact()
    structure = code(store.rows) if store.rows else None
    if structure is None:
        store.set_code(None)
    elif not structure.is_current(store.manifest.code, store.rows):
        old = store.manifest.code
        usable = structure.fits(old) and old is not None and old.rows <= store.rows
        store.set_code(structure.extend(store, old if usable else None))
    store.commit(change)
    store.tidy()


class Sync:
    """Brings one freshly loaded store to a collection's present change.

    `skipped` collects (id, reason) of images that could not be embedded.
    """

    def __init__(
        self,
        store: VectorStore,
        collection: Collection,
        embedder: Embedder,
        code: Callable[[int], Code | None],
        progress: Callable[[str, int, int], None],
    ) -> None:
        """Change `store`; `code(rows)` makes the structure for a store of that many rows."""
        self._store = store
        self._collection = collection
        self._embedder = embedder
        self._code = code
        self._progress = progress
        self.skipped = embedder.skipped

    def run(self) -> int:
        """Apply the changes block by block, commit, and return how many there were.

        Each block is durable before the next begins, so that a killed process loses one.
        """
        store, since = self._store, self._store.manifest.change
        until = last = max(self._collection.change, since)
        applied = 0
        rows: dict[str, int] | None = None
        fresh: dict[str, None] = {}
        for change in self._collection.changes(since):
            rows = store.living() if rows is None else rows
            applied += 1
            last = change.number
            if change.item is None:
                fresh.pop(change.id, None)
                if change.id in rows:
                    store.bury(rows.pop(change.id))
            elif change.id not in rows:
                fresh[change.id] = None
            if len(fresh) >= BLOCK:
                rows.update(self._append(list(fresh)))
                fresh.clear()
                # What is done so far need not be done again after a crash.
                store.commit(last)
        self._append(list(fresh))
        if applied or self._wants_code() or on_disk(store.folder) != store.manifest:
            finish(store, max(until, last), self._code)
        return applied

    def _wants_code(self) -> bool:
        """Say whether the structure on disk is another than the configuration's."""
        store = self._store
        code = self._code(store.rows) if store.rows else None
        if code is None:
            return store.manifest.code is not None
        return not code.is_current(store.manifest.code, store.rows)

    def _append(self, ids: list[str]) -> dict[str, int]:
        """Add rows for items; return their numbers by id."""
        import numpy as np

        names: list[str] = []
        vectors: list[Any] = []
        for start in range(0, len(ids), _EMBED):
            page = ids[start : start + _EMBED]
            embedded = self._embedder.embed(page)
            names.extend(one for one in page if one in embedded)
            vectors.extend(embedded[one] for one in page if one in embedded)
            self._progress("index", min(start + _EMBED, len(ids)), len(ids))
        if not names:
            return {}
        first = self._store.append(names, np.stack(vectors))
        return {name: first + i for i, name in enumerate(names)}
