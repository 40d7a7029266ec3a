"""The captions of an index on disk: a few immutable segments, and which of their rows count.

Rows are numbered through all segments. Only whole segments are appended; a row whose item was
removed or described anew is marked dead, and goes when its segment is next written.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imagerag_bm25.manifest import (
    MANIFEST,
    DamagedIndexError,
    FileEntry,
    Manifest,
    flush_folder,
    write_file,
)
from imagerag_bm25.segment import Segment, expected_size, join, open_segment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SMALL = 4_096
"""Rows that are written anew without a thought: a few milliseconds."""

SHARE = 4
"""A segment is written anew with those behind it once they hold a quarter as many rows: so each
row is written a few times in all, and there are only as many segments as the rows have powers of
five. In the same way, all are written anew once a quarter of the rows is dead."""


class CaptionStore:
    """The rows of one index: change a freshly loaded one, never one that is being searched."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        """Start from `manifest`, without reading its files; see `load`."""
        import numpy as np

        self.folder = folder
        self.manifest = manifest
        self.segments: list[Segment] = []
        self.dead: NDArray[np.bool_] = np.zeros(0, dtype=bool)

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, trusted: set[str]) -> CaptionStore:
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

        for one in manifest.segments:
            if one.file.size != expected_size(one.shape):
                raise DamagedIndexError(f"{one.file.name} does not have the shape it should have")
            store.segments.append(open_segment(checked(one.file), one.shape))
        store.dead = np.zeros(store.rows, dtype=bool)
        if manifest.dead is not None:
            dead = np.fromfile(checked(manifest.dead), dtype="<u4")
            if dead.size and dead.max() >= store.rows:
                raise DamagedIndexError(f"{manifest.dead.name} names rows that are not there")
            store.dead[dead] = True
        return store

    @property
    def rows(self) -> int:
        """How many rows there are, dead ones included."""
        return sum(len(one) for one in self.segments)

    def numbers(self, identities: Iterable[str]) -> dict[str, int]:
        """Return the row number of those items that have a living row, by id."""
        import numpy as np

        wanted = {bytes.fromhex(one) for one in identities}
        heads = np.frombuffer(b"".join(one[:8] for one in sorted(wanted)), dtype=np.uint64)
        found: dict[str, int] = {}
        first = 0
        for segment in self.segments:
            # Eight bytes say nearly always who it is; the rest is asked of the few that fit.
            near = np.isin(segment.ids.view(np.uint64)[:, 0], heads)
            near &= ~self.dead[first : first + len(segment)]
            for row in np.flatnonzero(near).tolist():
                identity = segment.ids[row].tobytes()
                if identity in wanted:
                    found[identity.hex()] = first + row
            first += len(segment)
        return found

    def ids(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the ids of some rows, in the order given, shape (n, 32)."""
        import numpy as np

        found = np.empty((len(rows), 32), dtype=np.uint8)
        first = 0
        for segment in self.segments:
            here = (rows >= first) & (rows < first + len(segment))
            found[here] = segment.ids[rows[here] - first]
            first += len(segment)
        return found

    def append(self, segment: Segment) -> None:
        """Write a segment behind the others; its rows count once `commit` has run."""
        import numpy as np

        self._write(segment)
        self.dead = np.concatenate([self.dead, np.zeros(len(segment), dtype=bool)])

    def bury(self, rows: Iterable[int]) -> None:
        """Mark rows that count no more."""
        self.dead[list(rows)] = True

    def compact(self, *, all_dead: bool = False) -> None:
        """Write segments anew that have become too many, or too full of dead rows.

        With `all_dead`, no dead row is left in any of them.
        """
        first = 0 if all_dead and self.dead.any() else self._first_to_write()
        if first is None:
            return
        import numpy as np

        bounds = np.cumsum([0, *(len(one) for one in self.segments)])
        old = self.segments[first:]
        kept = [~self.dead[bounds[n] : bounds[n + 1]] for n in range(first, len(self.segments))]
        del self.segments[first:]
        self.manifest = replace(self.manifest, segments=self.manifest.segments[:first])
        self.dead = self.dead[: bounds[first]]
        joined = join(old, kept)
        if len(joined):
            self.append(joined)

    def commit(self, change: int) -> None:
        """Make the rows as they are now the index, up to the collection's change `change`."""
        import numpy as np

        dead = np.flatnonzero(self.dead).astype("<u4")
        entry = None
        if len(dead):
            entry = write_file(self.folder / f"dead-{_name()}.u32", [dead.tobytes()])
        self.manifest = replace(self.manifest, change=change, dead=entry)
        self.manifest.write(self.folder)

    def tidy(self) -> None:
        """Delete the files of former states; those that another process maps go at a later time."""
        keep = self.manifest.files() | {MANIFEST}
        for path in self.folder.iterdir():
            if path.name not in keep and path.is_file() and not path.name.startswith("lock."):
                with suppress(OSError):
                    path.unlink()
        flush_folder(self.folder)

    def _first_to_write(self) -> int | None:
        """Return the first segment that is to be written anew with all behind it, if any."""
        if int(self.dead.sum()) * SHARE > self.rows:
            return 0
        sizes = [len(one) for one in self.segments]
        first, behind = len(sizes) - 1, sizes[-1] if sizes else 0
        while first > 0 and (
            behind * SHARE >= sizes[first - 1] or behind + sizes[first - 1] <= SMALL
        ):
            first -= 1
            behind += sizes[first]
        return first if first < len(sizes) - 1 else None

    def _write(self, segment: Segment) -> None:
        path = self.folder / f"captions-{_name()}.bm25"
        entry = segment.write(path)
        self.manifest = replace(self.manifest, segments=(*self.manifest.segments, entry))
        # Mapped again, so that what was built need not stay in memory.
        self.segments.append(open_segment(path, entry.shape))


def _name() -> str:
    return uuid.uuid4().hex[:16]
