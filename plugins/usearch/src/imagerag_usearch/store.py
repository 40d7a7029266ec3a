"""The vectors of an index on disk: immutable segments, opened by memory map.

Rows are only ever appended; a removed item's row is marked dead, and rows are written anew when a
quarter of them is. Row numbers therefore stay the same between two compactions, which is what lets
a graph refer to them.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagerag_usearch.manifest import (
    MANIFEST,
    DamagedIndexError,
    FileEntry,
    GraphEntry,
    Manifest,
    Segment,
    flush_folder,
    write_file,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 16_384
"""Rows of a full segment; smaller ones at the end are merged when there are many."""

SMALL_SEGMENTS = 8
"""How many small segments may pile up before they are merged."""

_DTYPES = {"f16": "<f2", "f32": "<f4"}
ID_BYTES = 32


class VectorStore:
    """The rows of one index: change a freshly loaded one, never one that is being searched."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        """Start from `manifest`, without reading its files; see `load`."""
        import numpy as np

        self.folder = folder
        self.manifest = manifest
        self.matrices: list[NDArray[Any]] = []
        self.ids: list[NDArray[np.uint8]] = []
        self.dead: NDArray[np.bool_] = np.zeros(0, dtype=bool)

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, trusted: set[str]) -> VectorStore:
        """Open the files of `manifest`; those not in `trusted` are read through and checked.

        Raises `DamagedIndexError` where a file is missing or not what was written. Names of checked
        files are added to `trusted`: a name never comes twice with other contents.
        """
        import numpy as np

        store = cls(folder, manifest)

        def checked(entry: FileEntry) -> Path:
            path = entry.check(folder, contents=entry.name not in trusted)
            trusted.add(entry.name)
            return path

        width = np.dtype(_DTYPES[manifest.dtype]).itemsize
        for one in manifest.segments:
            wanted = (one.rows * manifest.dim * width, one.rows * ID_BYTES)
            if (one.vectors.size, one.ids.size) != wanted:
                raise DamagedIndexError(f"{one.vectors.name} does not hold {one.rows} rows")
            store._map(checked(one.vectors), checked(one.ids), one.rows)
        store.dead = np.zeros(store.rows, dtype=bool)
        if manifest.dead is not None:
            dead = np.fromfile(checked(manifest.dead), dtype="<u4")
            if dead.size and dead.max() >= store.rows:
                raise DamagedIndexError(f"{manifest.dead.name} names rows that are not there")
            store.dead[dead] = True
        if manifest.graph is not None:
            checked(manifest.graph.file)
        return store

    def _map(self, vectors: Path, ids: Path, rows: int) -> None:
        import numpy as np

        dtype = _DTYPES[self.manifest.dtype]
        shape = (rows, self.manifest.dim)
        self.matrices.append(np.memmap(vectors, dtype=dtype, mode="r", shape=shape))
        self.ids.append(np.memmap(ids, dtype=np.uint8, mode="r", shape=(rows, ID_BYTES)))

    @property
    def rows(self) -> int:
        """How many rows there are, dead ones included."""
        return sum(len(matrix) for matrix in self.matrices)

    def living(self) -> dict[str, int]:
        """Return the row number of each item that is not dead."""
        found: dict[str, int] = {}
        start = 0
        for ids in self.ids:
            digits = ids.tobytes().hex()
            for row in range(len(ids)):
                if not self.dead[start + row]:
                    found[digits[row * 64 : row * 64 + 64]] = start + row
            start += len(ids)
        return found

    def take(self, rows: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        """Return vectors and ids of some rows, in the order given."""
        import numpy as np

        vectors = np.empty((len(rows), self.manifest.dim), dtype=_DTYPES[self.manifest.dtype])
        ids = np.empty((len(rows), ID_BYTES), dtype=np.uint8)
        start = 0
        for matrix, names in zip(self.matrices, self.ids, strict=True):
            here = (rows >= start) & (rows < start + len(matrix))
            vectors[here] = matrix[rows[here] - start]
            ids[here] = names[rows[here] - start]
            start += len(matrix)
        return vectors, ids

    def append(self, ids: list[str], vectors: NDArray[np.float32]) -> int:
        """Write a segment of new rows and return the number of the first.

        They count once `commit` has run.
        """
        import numpy as np

        first = self.rows
        packed = np.frombuffer(bytes.fromhex("".join(ids)), dtype=np.uint8).reshape(-1, ID_BYTES)
        segment = self._write(vectors.astype(_DTYPES[self.manifest.dtype]), packed)
        self.manifest = replace(self.manifest, segments=(*self.manifest.segments, segment))
        self.dead = np.concatenate([self.dead, np.zeros(len(ids), dtype=bool)])
        return first

    def bury(self, row: int) -> None:
        """Mark the row of a removed item."""
        self.dead[row] = True

    def compact(self) -> None:
        """Drop dead rows where they are many, and merge small segments at the end."""
        if int(self.dead.sum()) * 4 > self.rows:
            self._rewrite(0, keep_dead=False)
            return
        sizes = [one.rows for one in self.manifest.segments]
        first = len(sizes)
        while first > 0 and sizes[first - 1] < BLOCK:
            first -= 1
        if len(sizes) - first > SMALL_SEGMENTS:
            self._rewrite(first, keep_dead=True)

    def commit(self, change: int) -> None:
        """Make the rows as they are now the index, up to the collection's change `change`."""
        import numpy as np

        dead = np.flatnonzero(self.dead).astype("<u4")
        entry = (
            write_file(self.folder / f"dead-{_name()}.u32", dead.tobytes()) if len(dead) else None
        )
        self.manifest = replace(self.manifest, change=change, dead=entry)
        self.manifest.write(self.folder)

    def set_graph(self, graph: GraphEntry | None) -> None:
        """Name the graph over these rows, or none."""
        self.manifest = replace(self.manifest, graph=graph)

    def tidy(self) -> None:
        """Delete the files of former states; those that another process maps go at a later time."""
        keep = self.manifest.files() | {MANIFEST, "lock.sqlite"}
        for path in self.folder.iterdir():
            if path.name not in keep and path.is_file() and not path.name.startswith("lock."):
                with suppress(OSError):
                    path.unlink()
        flush_folder(self.folder)

    def _rewrite(self, first: int, *, keep_dead: bool) -> None:
        """Write the segments from `first` on as full ones, with or without dead rows."""
        import numpy as np

        offset = sum(len(matrix) for matrix in self.matrices[:first])
        rows = np.arange(offset, self.rows)
        if not keep_dead:
            rows = rows[~self.dead[offset:]]
            # Row numbers change, so nothing that refers to them survives.
            self.set_graph(None)
        old = VectorStore(self.folder, self.manifest)
        old.matrices, old.ids, old.dead = self.matrices, self.ids, self.dead
        self.matrices, self.ids = self.matrices[:first], self.ids[:first]
        segments = list(self.manifest.segments[:first])
        for start in range(0, len(rows), BLOCK):
            vectors, ids = old.take(rows[start : start + BLOCK])
            segments.append(self._write(vectors, ids))
        self.dead = np.concatenate([old.dead[:offset], old.dead[rows]])
        self.manifest = replace(self.manifest, segments=tuple(segments))

    def _write(self, vectors: NDArray[Any], ids: NDArray[np.uint8]) -> Segment:
        name = _name()
        rows = self.folder / f"rows-{name}.{self.manifest.dtype}"
        names = self.folder / f"ids-{name}.bin"
        segment = Segment(
            len(vectors), write_file(rows, vectors.tobytes()), write_file(names, ids.tobytes())
        )
        self._map(rows, names, len(vectors))
        return segment


def _name() -> str:
    return uuid.uuid4().hex[:16]
