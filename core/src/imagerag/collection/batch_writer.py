"""Writing one batch of checked images: files and rows together, or nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from imagerag.collection import phash
from imagerag.collection.catalogue import Catalogue
from imagerag.collection.checking import Checked
from imagerag.collection.files import ImageFiles
from imagerag.collection.marks import PurgeMarks
from imagerag.collection.origins import Origins
from imagerag.collection.phash import NearFinder
from imagerag.collection.rows import COLUMNS, REMOVED, item_of
from imagerag.collection.text import clean
from imagerag.values import Item


@dataclass(frozen=True)
class Written:
    """What came of a batch; the fields mean what they mean in `AddReport`."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    near: int = 0
    skipped: tuple[tuple[str, str], ...] = ()


class BatchWriter:
    """Writes the batches of one call of `Collection.add`."""

    def __init__(self, catalogue: Catalogue, files: ImageFiles, *, allow_purged: bool) -> None:
        """Write into `catalogue` and `files`; refuse what was purged, unless `allow_purged`."""
        self._catalogue = catalogue
        self._files = files
        self._allow_purged = allow_purged
        self._marks = PurgeMarks(catalogue)
        self._origins = Origins(catalogue)
        self._near = NearFinder()
        self._compared = 0

    def write(self, batch: Sequence[Checked]) -> Written:
        """Write a batch durably, and say what came of it."""
        try:
            return self._commit(batch)
        finally:
            # After success this drops the journal, after failure it takes back what was placed.
            with self._catalogue.writing():
                self._files.settle(self._has_row)

    def _commit(self, batch: Sequence[Checked]) -> Written:
        added = updated = unchanged = 0
        skipped: list[tuple[str, str]] = []
        with self._catalogue.writing():
            self._files.settle(self._has_row)
            # Read again under the lock: another process may have written the same images.
            before = self._rows_of(batch)
            ids = [one.item.id for one in batch]
            refused = self._marks.refused(ids, allowed=self._allow_purged)
            place, write, taken = [], [], []
            for one in batch:
                if one.item.id in refused:
                    skipped.append((clean(one.name), refused[one.item.id]))
                    continue
                old, removed = before.get(one.item.id, (None, True))
                new = one.item if old is None or removed else _merged(old, one.item)
                lost = old is None or removed or self._is_lost(one)
                if lost and one.data is None:
                    # It was removed since it was passed over unread: the removal stands.
                    unchanged += 1
                    continue
                if lost and one.data is not None:
                    place.append((one.item.id, one.extension, one.data))
                if one.origin is not None:
                    taken.append((one.origin, one.item.id))
                if removed:
                    added += 1
                elif new == old:
                    unchanged += 1
                    continue
                else:
                    updated += 1
                write.append((new, one))
            self._files.place(place)
            near = self._upsert(write)
            self._origins.put(taken)
        return Written(added, updated, unchanged, near, tuple(skipped))

    def _upsert(self, write: Sequence[tuple[Item, Checked]]) -> int:
        """Write rows, and return how many of them are of near duplicates."""
        if not write:
            return 0
        hashes = self._hashes([one for _, one in write])
        changes = self._catalogue.next_changes(len(write))
        moment = int(time.time())
        rows = []
        for (item, one), change in zip(write, changes, strict=True):
            value, near = hashes.get(item.id, (None, None))
            rows.append((*_values(item, one), change, moment, value, near))
        self._catalogue.many(_UPSERT, rows)
        return sum(near is not None for _, near in hashes.values())

    def _hashes(self, batch: Sequence[Checked]) -> dict[str, tuple[int, str | None]]:
        """Return the hashes of new pictures by id, each with the first item that is near to it."""
        copies = {one.item.id: one.thumbnail for one in batch if one.thumbnail is not None}
        values = dict(zip(copies, phash.hashes(list(copies.values())), strict=True))
        if not values:
            return {}
        # Also those that other processes have written since the last batch.
        rows = self._catalogue.rows(
            "SELECT number, id, phash FROM items "
            "WHERE number > ? AND phash IS NOT NULL AND removed = 0 ORDER BY number",
            (self._compared,),
        )
        for number, identity, value in rows:
            self._near.add(identity, value)
            self._compared = number
        # Those of this batch have no number yet, and are read again with the next batch.
        beside = NearFinder()
        found: dict[str, tuple[int, str | None]] = {}
        for identity, value in values.items():
            if value is not None:
                found[identity] = value, self._near.first(value) or beside.first(value)
                beside.add(identity, value)
        # What was purged since it was read here must not be named again.
        named = {near for _, near in found.values() if near} - found.keys()
        rows = self._catalogue.rows(
            "SELECT id FROM items WHERE removed <= 1 AND id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(named)),),
        )
        gone = named - {row[0] for row in rows}
        return {
            one: (value, None if near in gone else near) for one, (value, near) in found.items()
        }

    def _rows_of(self, batch: Sequence[Checked]) -> dict[str, tuple[Item, bool]]:
        rows = self._catalogue.rows(
            f"SELECT {COLUMNS} FROM items "  # noqa: S608 - constants
            "WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps([one.item.id for one in batch]),),
        )
        return {row[0]: (item_of(row), bool(row[REMOVED])) for row in rows}

    def _is_lost(self, one: Checked) -> bool:
        return self._files.size(one.item.id, one.extension) != one.size

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


# A known item keeps its hash: only new ones are decoded.
_UPSERT = """
INSERT INTO items (id, format, bytes, caption, licence, creator, source, tags, private, width,
                   height, change, added, phash, near, removed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
ON CONFLICT (id) DO UPDATE SET
    format = excluded.format, bytes = excluded.bytes, caption = excluded.caption,
    licence = excluded.licence, creator = excluded.creator, source = excluded.source,
    tags = excluded.tags, private = excluded.private, change = excluded.change,
    added = CASE WHEN items.removed THEN excluded.added ELSE items.added END, removed = 0
"""


def _values(item: Item, checked: Checked) -> tuple[Any, ...]:
    return (
        item.id,
        checked.extension,
        checked.size,
        item.caption,
        item.licence,
        item.creator,
        item.source,
        json.dumps(item.tags, ensure_ascii=False),
        int(item.private),
        item.width,
        item.height,
    )
