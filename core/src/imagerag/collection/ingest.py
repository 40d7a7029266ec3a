"""Taking images into a collection: check, compare with what is there, write in batches."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from imagerag.collection import decode
from imagerag.collection.catalogue import Catalogue
from imagerag.collection.files import ImageFiles
from imagerag.collection.marks import PurgeMarks
from imagerag.collection.reports import AddReport
from imagerag.collection.rows import COLUMNS, item_of
from imagerag.collection.text import CAPTION_LIMIT, clean
from imagerag.errors import ImageError
from imagerag.roles import Found
from imagerag.values import Item

Progress = Callable[[str, int, int], None]

BATCH_ITEMS = 128
BATCH_BYTES = 32_000_000
"""A batch is written when it holds this much: what a crash can cost, and what memory it takes."""


@dataclass(frozen=True)
class _Checked:
    """An image that passed the checks: what it is, and its bytes until they are written."""

    item: Item
    extension: str
    data: bytes
    name: str


class Ingest:
    """One call of `Collection.add`."""

    def __init__(
        self, catalogue: Catalogue, files: ImageFiles, private: bool, allow_purged: bool = False
    ) -> None:
        """Write into `catalogue` and `files`; `private` marks every item that is taken.

        What was purged before is refused, unless `allow_purged`.
        """
        self._catalogue = catalogue
        self._files = files
        self._private = private
        self._allow_purged = allow_purged
        self._marks = PurgeMarks(catalogue)
        self._seen: set[bytes] = set()
        self._batch: list[_Checked] = []
        self._batch_bytes = 0
        self._report = AddReport()
        self._skipped: list[tuple[str, str]] = []

    def run(self, found: Iterable[Found], progress: Progress | None) -> AddReport:
        """Take every image that can be taken, and say what came of each."""
        try:
            for done, one in enumerate(found, start=1):
                self._take(one)
                if len(self._batch) >= BATCH_ITEMS or self._batch_bytes >= BATCH_BYTES:
                    self._write()
                if progress is not None:
                    progress("add", done, 0)
        finally:
            # Also when interrupted: what has been checked is finished work.
            self._write()
        return replace(self._report, skipped=tuple(self._skipped))

    def _take(self, found: Found) -> None:
        try:
            data = found.data if found.data is not None else self._read(found)
            digest = hashlib.sha256(data)
            if digest.digest() in self._seen:
                self._report = replace(self._report, duplicates=self._report.duplicates + 1)
                return
            known = self._known(digest.hexdigest())
            if known is not None:
                item, extension = known
            else:
                header = decode.sniff(data)
                # Decoding now is the proof that it can be decoded when it is retrieved.
                picture = decode.open_image(data)
                item = Item(id=digest.hexdigest(), width=picture.width, height=picture.height)
                extension = header.format
        except ImageError as error:
            self._skipped.append((clean(found.name), str(error)))
            return
        self._seen.add(digest.digest())
        self._batch.append(_Checked(self._described(item, found), extension, data, found.name))
        self._batch_bytes += len(data)

    @staticmethod
    def _read(found: Found) -> bytes:
        if found.path is None:
            raise ImageError("comes with neither a path nor bytes")
        return decode.read_bytes(found.path)

    def _known(self, identity: str) -> tuple[Item, str] | None:
        rows = self._catalogue.rows(
            "SELECT width, height, format FROM items WHERE id = ?", (identity,)
        )
        if not rows:
            return None
        width, height, extension = rows[0]
        return Item(id=identity, width=width, height=height), extension

    def _described(self, item: Item, found: Found) -> Item:
        return replace(
            item,
            caption=clean(found.caption, CAPTION_LIMIT),
            licence=clean(found.licence or "") or None,
            creator=clean(found.creator or "") or None,
            source=clean(found.source or "") or None,
            tags=tuple(dict.fromkeys(tag for tag in map(clean, found.tags) if tag)),
            private=self._private,
        )

    def _write(self) -> None:
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        if not batch:
            return
        try:
            added, updated, unchanged = self._commit(batch)
        finally:
            # After success this drops the journal, after failure it takes back what was placed.
            with self._catalogue.writing():
                self._files.settle(self._has_row)
        self._report = replace(
            self._report,
            added=self._report.added + added,
            updated=self._report.updated + updated,
            unchanged=self._report.unchanged + unchanged,
        )

    def _commit(self, batch: list[_Checked]) -> tuple[int, int, int]:
        added = updated = unchanged = 0
        with self._catalogue.writing():
            self._files.settle(self._has_row)
            # Read again under the lock: another process may have written the same images.
            before = self._rows_of(batch)
            refused = self._marks.refused(
                [one.item.id for one in batch], allowed=self._allow_purged
            )
            place, write = [], []
            for one in batch:
                if one.item.id in refused:
                    self._skipped.append((clean(one.name), refused[one.item.id]))
                    continue
                old, removed = before.get(one.item.id, (None, True))
                new = one.item if old is None or removed else _merged(old, one.item)
                if old is None or removed or self._file_is_lost(one):
                    place.append((one.item.id, one.extension, one.data))
                if removed:
                    added += 1
                elif new == old:
                    unchanged += 1
                    continue
                else:
                    updated += 1
                write.append((new, one))
            self._files.place(place)
            changes = self._catalogue.next_changes(len(write))
            self._catalogue.many(
                _UPSERT,
                [_values(n, one, change) for (n, one), change in zip(write, changes, strict=True)],
            )
        return added, updated, unchanged

    def _rows_of(self, batch: list[_Checked]) -> dict[str, tuple[Item, bool]]:
        rows = self._catalogue.rows(
            f"SELECT {COLUMNS}, removed FROM items "  # noqa: S608 - constants
            "WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps([one.item.id for one in batch]),),
        )
        return {row[0]: (item_of(row), bool(row[-1])) for row in rows}

    def _file_is_lost(self, one: _Checked) -> bool:
        path = self._files.path(one.item.id, one.extension)
        return not path.is_file() or path.stat().st_size != len(one.data)

    def _has_row(self, identity: str) -> bool:
        return bool(self._catalogue.rows("SELECT 1 FROM items WHERE id = ?", (identity,)))


def _merged(old: Item, new: Item) -> Item:
    """Return what is known after `new` arrives: the unknown never erases what was known.

    A private item stays private: adding it again without the flag must not publish it.
    """
    return replace(
        old,
        caption=new.caption or old.caption,
        licence=new.licence or old.licence,
        creator=new.creator or old.creator,
        source=new.source or old.source,
        tags=new.tags or old.tags,
        private=old.private or new.private,
    )


_UPSERT = """
INSERT INTO items (id, format, bytes, caption, licence, creator, source, tags, private, width,
                   height, change, added, removed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
ON CONFLICT (id) DO UPDATE SET
    format = excluded.format, bytes = excluded.bytes, caption = excluded.caption,
    licence = excluded.licence, creator = excluded.creator, source = excluded.source,
    tags = excluded.tags, private = excluded.private, change = excluded.change,
    added = CASE WHEN items.removed THEN excluded.added ELSE items.added END, removed = 0
"""


def _values(item: Item, checked: _Checked, change: int) -> tuple[Any, ...]:
    return (
        item.id,
        checked.extension,
        len(checked.data),
        item.caption,
        item.licence,
        item.creator,
        item.source,
        json.dumps(item.tags, ensure_ascii=False),
        int(item.private),
        item.width,
        item.height,
        change,
        int(time.time()),
    )
