"""Taking items out of an index so that no byte of their vectors or ids stays."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from imagerag_vectors.code import Code
from imagerag_vectors.files import DamagedIndexError, tidy
from imagerag_vectors.manifest import Manifest
from imagerag_vectors.store import VectorStore
from imagerag_vectors.sync import finish


def purge(folder: Path, ids: Collection[str], code: Callable[[int], Code | None]) -> None:
    """Write the index in `folder` anew without the rows of `ids` and without dead ones.

    Needs neither collection nor encoder. An index that is damaged is deleted instead: it is built
    anew from the catalogue. Hold the folder's lock.
    """
    try:
        manifest = Manifest.read(folder)
        if manifest is not None:
            store = VectorStore.load(folder, manifest)
            rows = store.living()
            for one in ids:
                if one in rows:
                    store.bury(rows[one])
            if store.dead.any():
                finish(store, manifest.change, code, all_dead=True)
            else:
                store.tidy()
            return
    except DamagedIndexError:
        pass
    tidy(folder, ())
