"""Taking items out of indexes so that no byte of their vectors or ids stays."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

from imagerag.folder_lock import only_one
from imagerag_vectors.files import DamagedIndexError, tidy
from imagerag_vectors.manifest import Manifest
from imagerag_vectors.store import VectorStore


def purge_indexes(collection: Path, family: str, ids: Set[str]) -> set[str]:
    """Write a collection's indexes of one family anew without some items; name their folders."""
    clean = set()
    for folder in sorted((collection / "indexes").glob(f"{family}-*")):
        with only_one(folder):
            _purge(folder, ids)
        clean.add(folder.name)
    return clean


def _purge(folder: Path, ids: Set[str]) -> None:
    """Write one index anew without the rows of `ids` and without dead ones.

    Needs neither collection nor encoder. A structure over the rows goes whole, since it may hold
    traces of all of them; the next sync makes another. So does an index that is damaged.
    """
    try:
        manifest = Manifest.read(folder)
        if manifest is not None:
            store = VectorStore.load(folder, manifest)
            for identity, row in store.living().items():
                if identity in ids:
                    store.bury(row)
            if store.dead.any():
                store.compact(all_dead=True)
                store.commit(manifest.change)
            # Also where nothing was to do: a purge that was cut short may have left files.
            store.tidy()
            return
    except DamagedIndexError:
        pass
    tidy(folder, ())
