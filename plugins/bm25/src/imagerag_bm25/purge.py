"""Taking items out of indexes so that neither their ids nor words of theirs alone stay."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

from imagerag.folder_lock import only_one
from imagerag_bm25.manifest import DamagedIndexError, Manifest
from imagerag_bm25.store import CaptionStore


def purge_indexes(collection: Path, ids: Set[str]) -> set[str]:
    """Write the BM25 indexes of a collection anew without some items, and without dead rows.

    Return the names of the folders in which that was done. A damaged one is left out: it is deleted
    whole then, and built again.
    """
    clean = set()
    for folder in sorted((collection / "indexes").glob("bm25-*")):
        with only_one(folder):
            try:
                _purge(folder, ids)
            except DamagedIndexError:
                continue
        clean.add(folder.name)
    return clean


def _purge(folder: Path, ids: Set[str]) -> None:
    manifest = Manifest.read(folder)
    store = CaptionStore(folder, Manifest("", ""))
    if manifest is not None:
        store = CaptionStore.load(folder, manifest, set())
        store.bury(store.numbers(ids).values())
        if store.dead.any():
            store.compact(all_dead=True)
            store.commit(manifest.change)
    # Also where nothing was in the index: a killed process may have left files of it.
    store.tidy()
