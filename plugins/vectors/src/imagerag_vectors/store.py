"""The vectors of an index on disk: immutable segments, opened by memory map.

Rows are only ever appended; a removed item's row is marked dead, and rows are written anew when a
quarter of them is. Row numbers therefore stay the same between two compactions, which is what lets
codes refer to them. Nothing is read through when an index is opened: each row is checked against
its sum when it is first used.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagerag_vectors.files import DamagedIndexError, new_name, tidy, write_file
from imagerag_vectors.manifest import MANIFEST, CodeEntry, Manifest, Segment
from imagerag_vectors.sums import row_sums

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 32_768
"""Rows of a full segment; smaller ones at the end are merged when there are many."""

SMALL_SEGMENTS = 8
"""How many small segments may pile up before they are merged."""

DTYPES = {"f16": "<f2", "f32": "<f4"}
ID_BYTES = 32

_CHECK = 1_024
"""Rows that are summed at once: with 512 dimensions they fit into a core's own cache."""


class VectorStore:
    """The rows of one index: change a freshly loaded one, never one that is being searched."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        """Start from `manifest`, without opening its files; see `load`."""
        import numpy as np

        self.folder = folder
        self.manifest = manifest
        self.matrices: list[NDArray[Any]] = []
        self._ids: list[NDArray[np.uint8]] = []
        self._sums: list[NDArray[np.uint64]] = []
        self._sums_checked: list[bool] = []
        self._checked: NDArray[np.bool_] = np.zeros(0, dtype=bool)
        self._starts: NDArray[np.int64] = np.zeros(1, dtype=np.int64)
        self.dead: NDArray[np.bool_] = np.zeros(0, dtype=bool)

    @classmethod
    def load(cls, folder: Path, manifest: Manifest) -> VectorStore:
        """Map the files of `manifest`, without reading them.

        Raises `DamagedIndexError` where a file is missing or of another size.
        """
        import numpy as np

        store = cls(folder, manifest)
        for segment in manifest.segments:
            store._map(segment)
        store.dead = np.zeros(store.rows, dtype=bool)
        if manifest.dead is not None:
            raw = manifest.dead.map(folder)
            manifest.dead.check_contents(raw)
            store.dead[np.frombuffer(raw, dtype="<u4")] = True
        return store

    @property
    def rows(self) -> int:
        """How many rows there are, dead ones included."""
        return int(self._starts[-1])

    def check_all(self) -> None:
        """Check every row that was not checked yet, before all are scanned.

        Raises `DamagedIndexError` where a row is not what was written.
        """
        if self._checked.all():
            return
        for number in range(len(self.matrices)):
            self.check_segment(number)

    def check_segment(self, number: int) -> None:
        """Check the rows of one segment that were not checked yet."""
        import numpy as np

        start, end = int(self._starts[number]), int(self._starts[number + 1])
        seen = self._checked[start:end]
        if seen.all():
            return
        for first in range(0, end - start, _CHECK):
            part = slice(first, first + _CHECK)
            found = row_sums(self.matrices[number][part], self._ids[number][part])
            if not np.array_equal(found, self._trusted_sums(number)[part]):
                raise self._damaged(number)
        seen[:] = True

    def living(self) -> dict[str, int]:
        """Return the row number of each item that is not dead."""
        found: dict[str, int] = {}
        for number, ids in enumerate(self._ids):
            self.manifest.segments[number].ids.check_contents(ids.data)
            start = int(self._starts[number])
            digits = ids.tobytes().hex()
            for row in range(len(ids)):
                if not self.dead[start + row]:
                    found[digits[row * 64 : row * 64 + 64]] = start + row
        return found

    def take(self, rows: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        """Return vectors and ids of some rows, in the order given, after checking them.

        Raises `DamagedIndexError` where a row is not what was written.
        """
        import numpy as np

        vectors = np.empty((len(rows), self.manifest.dim), dtype=DTYPES[self.manifest.dtype])
        ids = np.empty((len(rows), ID_BYTES), dtype=np.uint8)
        sums = np.empty(len(rows), dtype=np.uint64)
        order = np.argsort(rows)
        ends = np.searchsorted(rows[order], self._starts)
        for number in np.flatnonzero(ends[1:] > ends[:-1]).tolist():
            here = order[ends[number] : ends[number + 1]]
            inside = rows[here] - self._starts[number]
            vectors[here] = self.matrices[number][inside]
            ids[here] = self._ids[number][inside]
            sums[here] = self._trusted_sums(number)[inside]
        fresh = np.flatnonzero(~self._checked[rows])
        if len(fresh):
            wrong = row_sums(vectors[fresh], ids[fresh]) != sums[fresh]
            if wrong.any():
                row = rows[fresh[wrong.argmax()]]
                raise self._damaged(int(np.searchsorted(self._starts, row, side="right")) - 1)
            self._checked[rows] = True
        return vectors, ids

    def append(self, ids: list[str], vectors: NDArray[np.float32]) -> int:
        """Write a segment of new rows and return the number of the first.

        They count once `commit` has run.
        """
        import numpy as np

        first = self.rows
        packed = np.frombuffer(bytes.fromhex("".join(ids)), dtype=np.uint8).reshape(-1, ID_BYTES)
        segment = self._write(vectors.astype(DTYPES[self.manifest.dtype]), packed)
        self.manifest = replace(self.manifest, segments=(*self.manifest.segments, segment))
        self.dead = np.concatenate([self.dead, np.zeros(len(ids), dtype=bool)])
        return first

    def bury(self, row: int) -> None:
        """Mark the row of a removed item."""
        self.dead[row] = True

    def compact(self, *, all_dead: bool = False) -> None:
        """Drop dead rows where they are many, or all if said; merge small segments at the end."""
        dead = int(self.dead.sum())
        if dead and (all_dead or dead * 4 > self.rows):
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
            write_file(self.folder / f"dead-{new_name()}.u32", dead.tobytes())
            if len(dead)
            else None
        )
        self.manifest = replace(self.manifest, change=change, dead=entry)
        self.manifest.write(self.folder)

    def set_code(self, code: CodeEntry | None) -> None:
        """Name the structure over these rows, or none."""
        self.manifest = replace(self.manifest, code=code)

    def tidy(self) -> None:
        """Delete the files of former states; those that another process maps go at a later time."""
        tidy(self.folder, self.manifest.files() | {MANIFEST})

    def _map(self, segment: Segment) -> None:
        import numpy as np

        dtype, dim = np.dtype(DTYPES[self.manifest.dtype]), self.manifest.dim
        count = segment.rows
        sizes = (count * dim * dtype.itemsize, count * ID_BYTES, count * 8)
        if (segment.vectors.size, segment.ids.size, segment.sums.size) != sizes:
            raise DamagedIndexError(f"{segment.vectors.name} does not hold {count} rows")
        folder = self.folder
        vectors = np.frombuffer(segment.vectors.map(folder), dtype=dtype).reshape(count, dim)
        ids = np.frombuffer(segment.ids.map(folder), dtype=np.uint8).reshape(count, ID_BYTES)
        self.matrices.append(vectors)
        self._ids.append(ids)
        self._sums.append(np.frombuffer(segment.sums.map(folder), dtype="<u8"))
        self._sums_checked.append(False)
        self._checked = np.concatenate([self._checked, np.zeros(count, dtype=bool)])
        self._starts = np.append(self._starts, self._starts[-1] + count)

    def _trusted_sums(self, number: int) -> NDArray[np.uint64]:
        """Return the sums of a segment's rows, once their own file was checked."""
        if not self._sums_checked[number]:
            self.manifest.segments[number].sums.check_contents(self._sums[number].data)
            self._sums_checked[number] = True
        return self._sums[number]

    def _damaged(self, number: int) -> DamagedIndexError:
        segment = self.manifest.segments[number]
        return DamagedIndexError(
            f"{segment.vectors.name} or {segment.ids.name} has other contents than were written"
        )

    def _rewrite(self, first: int, *, keep_dead: bool) -> None:
        """Write the segments from `first` on as full ones, with or without dead rows."""
        import numpy as np

        offset = int(self._starts[first])
        rows = np.arange(offset, self.rows)
        if not keep_dead:
            rows = rows[~self.dead[offset:]]
            # Row numbers change, so nothing that refers to them survives.
            self.set_code(None)
        old = VectorStore.load(self.folder, replace(self.manifest, dead=None))
        dead, kept = self.dead, self.manifest.segments[:first]
        fresh = VectorStore.load(self.folder, replace(self.manifest, segments=kept, dead=None))
        segments = list(kept)
        for start in range(0, len(rows), BLOCK):
            vectors, ids = old.take(rows[start : start + BLOCK])
            segments.append(fresh._write(vectors, ids))
        self.__dict__.update(fresh.__dict__)
        self.dead = np.concatenate([dead[:offset], dead[rows]])
        self.manifest = replace(self.manifest, segments=tuple(segments))

    def _write(self, vectors: NDArray[Any], ids: NDArray[np.uint8]) -> Segment:
        name = new_name()
        sums = row_sums(vectors, ids).astype("<u8")
        segment = Segment(
            len(vectors),
            write_file(self.folder / f"rows-{name}.{self.manifest.dtype}", vectors.tobytes()),
            write_file(self.folder / f"ids-{name}.bin", ids.tobytes()),
            write_file(self.folder / f"sums-{name}.u64", sums.tobytes()),
        )
        self._map(segment)
        return segment
