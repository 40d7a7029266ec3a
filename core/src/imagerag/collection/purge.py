"""Purging: items go with their bytes and all that was derived from them, for good.

Three steps, each of which can be repeated, so that whoever opens the collection after a crash
finishes what was begun:

1. In one transaction, the items are hidden and noted as to be purged (`removed` = 2), and a mark of
   each is put down. From here on, there is no way back.
2. Whoever derived something from them deletes it; then their files, and with them their rows.
3. The catalogue is written anew without the room that they took, its log is emptied, and a receipt
   is written.

What is under way is told by `meta`, in counts; which items it is, only by their own rows.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagerag.collection import receipts
from imagerag.collection.catalogue import Catalogue
from imagerag.collection.files import ImageFiles, flush_folder
from imagerag.collection.marks import PURGING, PurgeMarks
from imagerag.collection.owners import ask_owners
from imagerag.collection.reports import PurgeReport
from imagerag.collection.rows import COLUMNS, FORMAT, check
from imagerag.collection.vectors import PAGE
from imagerag.errors import CollectionError
from imagerag.folder_lock import only_one

if TYPE_CHECKING:
    from imagerag.registry import Registry

_NOTE = "purging"
_TRIES = 3


@dataclass(frozen=True)
class _Note:
    """What `meta` says of a purge under way; `derived` once nothing derived is left."""

    at: int
    count: int = 0
    bytes: int = 0
    derived: bool = False

    def text(self) -> str:
        return json.dumps(vars(self))


class Purge:
    """The purging of one collection; one process at a time."""

    def __init__(
        self, folder: Path, catalogue: Catalogue, files: ImageFiles, registry: Registry | None
    ) -> None:
        """Work on an open collection; `registry` is whose parts are asked, None for all."""
        self._folder = folder
        self._catalogue = catalogue
        self._files = files
        self._registry = registry
        self._marks = PurgeMarks(catalogue)

    def run(self, ids: Sequence[str]) -> PurgeReport:
        """Purge items, hidden ones too; unknown ids are passed over."""
        with only_one(self._folder / receipts.FOLDER):
            self._finish()
            if not self._begin(list(dict.fromkeys(ids))):
                return PurgeReport()
            return self._finish() or PurgeReport()

    def resume(self, patience: float) -> None:
        """Finish a purge that was cut short; leave it to a process that is at it."""
        if self.is_under_way():
            with only_one(self._folder / receipts.FOLDER, patience):
                self._finish()

    def is_under_way(self) -> bool:
        """Say whether a purge has begun and not ended."""
        return bool(self._catalogue.maybe_meta(_NOTE))

    def _begin(self, ids: list[str]) -> int:
        count = size = 0
        with self._catalogue.writing():
            # What a killed writer left behind has names that say what it is.
            self._files.settle(self._has_row)
            self._marks.verify()
            at = max(int(time.time()), self._marks.latest() + 1)
            for start in range(0, len(ids), PAGE):
                page = ids[start : start + PAGE]
                rows = self._catalogue.rows(
                    "SELECT id, bytes FROM items WHERE id IN (SELECT value FROM json_each(?))",
                    (json.dumps(page),),
                )
                known = [row[0] for row in rows]
                self._marks.put(known, at)
                self._catalogue.many(
                    "UPDATE items SET removed = ?, change = ? WHERE id = ?",
                    [
                        (PURGING, change, one)
                        for one, change in zip(
                            known, self._catalogue.next_changes(len(known)), strict=True
                        )
                    ],
                )
                count += len(known)
                size += sum(row[1] for row in rows)
            if count:
                self._tell(_Note(at, count, size))
        return count

    def _finish(self) -> PurgeReport | None:
        """Carry a purge to its end, from wherever it stands; None where there is none."""
        told = self._catalogue.maybe_meta(_NOTE)
        if not told:
            return None
        self._catalogue.verify()
        note = _Note(**json.loads(told))
        problems: list[tuple[str, str]] = []
        if not note.derived:
            problems = self._delete_derived()
            note = _Note(note.at, note.count, note.bytes, derived=True)
            with self._catalogue.writing():
                self._tell(note)
        while self._delete_page():
            pass
        self._forget_likeness()
        self._compact()
        receipt = receipts.write(
            self._folder, note.at, note.count, note.bytes, self._marks.at(note.at)
        )
        with self._catalogue.writing():
            self._catalogue.set_meta({_NOTE: ""})
        return PurgeReport(note.count, note.bytes, receipt, tuple(problems))

    def _tell(self, note: _Note) -> None:
        self._catalogue.set_meta({_NOTE: note.text()})

    def _pending(self, limit: int) -> list[tuple[int, str, str]]:
        """Return number, id and format of items that are to go; damaged rows raise."""
        rows = self._catalogue.rows(
            f"SELECT {COLUMNS}, number FROM items INDEXED BY items_summary "  # noqa: S608
            "WHERE removed = ? LIMIT ?",
            (PURGING, limit),
        )
        for row in rows:
            check(row)
        return [(row[-1], row[0], row[FORMAT]) for row in rows]

    def _delete_derived(self) -> list[tuple[str, str]]:
        ids = {row[1] for row in self._pending(-1)}
        clean, problems = ask_owners(self._folder, ids, self._registry)
        indexes = self._folder / "indexes"
        try:
            if indexes.is_dir():
                for folder in sorted(indexes.iterdir()):
                    if folder.name not in clean:
                        _empty(folder)
                flush_folder(indexes)
        except OSError as error:
            raise CollectionError(
                f"The indexes in {str(indexes)!r} cannot be deleted: {error.strerror or error}. "
                "Mend the folder; the purge goes on when the collection is next opened."
            ) from error
        return problems

    def _delete_page(self) -> int:
        """Delete some files, and with them their rows."""
        # Foreign keys would have every embedding looked through for each row that goes.
        self._catalogue.rows("PRAGMA foreign_keys = OFF")
        try:
            with self._catalogue.writing():
                rows = self._pending(PAGE)
                numbers = json.dumps([row[0] for row in rows])
                ids = json.dumps([row[1] for row in rows])
                self._files.delete((row[1], row[2]) for row in rows)
                for (space,) in self._catalogue.rows("SELECT number FROM spaces"):
                    self._catalogue.rows(
                        "DELETE FROM embeddings WHERE space = ? "
                        "AND item IN (SELECT value FROM json_each(?))",
                        (space, numbers),
                    )
                for statement, which in (
                    ("DELETE FROM origins WHERE item IN (SELECT value FROM json_each(?))", ids),
                    ("DELETE FROM items WHERE number IN (SELECT value FROM json_each(?))", numbers),
                ):
                    self._catalogue.rows(statement, (which,))
        finally:
            self._catalogue.rows("PRAGMA foreign_keys = ON")
        return len(rows)

    def _forget_likeness(self) -> None:
        """Let no item name one that is gone as what it nearly repeats."""
        with self._catalogue.writing():
            rows = self._catalogue.rows(
                "SELECT number FROM items WHERE near IS NOT NULL "
                "AND near NOT IN (SELECT id FROM items)"
            )
            self._catalogue.many(
                "UPDATE items SET near = NULL, change = ? WHERE number = ?",
                [
                    (change, row[0])
                    for change, row in zip(
                        self._catalogue.next_changes(len(rows)), rows, strict=True
                    )
                ],
            )

    def _compact(self) -> None:
        """Write the catalogue anew, without what lay in its free room and its log."""
        try:
            self._catalogue.rows("VACUUM")
            # Busy means that somebody read for as long as a writer is patient.
            for _ in range(_TRIES):
                if not self._catalogue.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]:
                    return
        except CollectionError as error:
            raise CollectionError(
                f"{error} The images are purged, but the catalogue may still hold their captions "
                "in its free room: this is finished when the collection is next opened."
            ) from error
        raise CollectionError(
            f"Another process reads {str(self._catalogue.path)!r} without a pause. The images are "
            "purged, but the log may still hold their captions: this is finished when the "
            "collection is next opened."
        )

    def _has_row(self, identity: str) -> bool:
        return bool(self._catalogue.rows("SELECT 1 FROM items WHERE id = ?", (identity,)))


def _empty(folder: Path) -> None:
    """Delete an index, once nobody writes to it; its lock stays, since others may wait for it."""
    if not folder.is_dir():
        folder.unlink(missing_ok=True)
        return
    with only_one(folder):
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif not path.name.startswith("lock."):
                path.unlink(missing_ok=True)
        flush_folder(folder)
