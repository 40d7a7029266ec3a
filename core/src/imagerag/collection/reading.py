"""Reading the items of a catalogue: by id, in order, by change, and counted.

Every row is checked against its checksum before anything in it is believed, that it was removed
included. Where there is no row to check, the catalogue is verified first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from imagerag.collection.catalogue import Catalogue
from imagerag.collection.reports import Change, Stats
from imagerag.collection.rows import COLUMNS, FORMAT, REMOVED, item_of, present
from imagerag.collection.vectors import PAGE
from imagerag.values import Item


class ItemReader:
    """What a catalogue holds of items."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Read from `catalogue`."""
        self._catalogue = catalogue

    def count(self) -> int:
        """Return how many items there are, removed ones not counted."""
        self._catalogue.verify()
        return int(
            self._catalogue.rows(
                "SELECT count(*) FROM items INDEXED BY items_summary WHERE removed = 0"
            )[0][0]
        )

    def lookup(self, ids: Sequence[str]) -> dict[str, Item]:
        """Return those of `ids` that are there, by id."""
        return {identity: item for identity, (item, _) in self.found(ids).items()}

    def found(self, ids: Sequence[str], *, removed: bool = False) -> dict[str, tuple[Item, str]]:
        """Return items with the formats of their files, by id; removed ones too, if asked."""
        found: dict[str, tuple[Item, str]] = {}
        for start in range(0, len(ids), PAGE):
            page = list(ids[start : start + PAGE])
            rows = self._catalogue.rows(
                f"SELECT {COLUMNS} FROM items "  # noqa: S608 - constants
                "WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(page),),
            )
            if len(rows) < len(set(page)):
                self._catalogue.verify()
            for row in rows:
                item = item_of(row)
                if removed or not row[REMOVED]:
                    found[item.id] = (item, row[FORMAT])
        return found

    def matching(self, prefix: str, limit: int) -> list[str]:
        """Return up to `limit` ids that begin with `prefix`, sorted."""
        self._catalogue.verify()
        low = prefix.lower()
        rows = self._catalogue.rows(
            "SELECT id FROM items WHERE removed = 0 AND id >= ? AND id < ? ORDER BY id LIMIT ?",
            (low, low + "g", limit),
        )
        return [row[0] for row in rows]

    def items(self, private: bool | None = None) -> Iterator[Item]:
        """Yield all items in the order they were first added, page by page."""
        last = 0
        self._catalogue.verify()
        while True:
            rows = self._catalogue.rows(
                f"SELECT {COLUMNS}, number FROM items "  # noqa: S608 - constants
                "WHERE number > ? ORDER BY number LIMIT ?",
                (last, PAGE),
            )
            if not rows:
                return
            for item in map(present, rows):
                if item is not None and private in (None, item.private):
                    yield item
            last = rows[-1][-1]

    def removed(self) -> Iterator[str]:
        """Yield the ids of items that are hidden."""
        self._catalogue.verify()
        last = 0
        while True:
            rows = self._catalogue.rows(
                "SELECT id, number FROM items INDEXED BY items_summary "
                "WHERE removed = 1 AND number > ? ORDER BY number LIMIT ?",
                (last, PAGE),
            )
            if not rows:
                return
            yield from (row[0] for row in rows)
            last = rows[-1][1]

    def changes(self, since: int) -> Iterator[Change]:
        """Yield the latest change of each item written after change number `since`, in order."""
        until = int(self._catalogue.meta("change"))
        if since < until:
            self._catalogue.verify_changes(since, until)
        while since < until:
            rows = self._catalogue.rows(
                f"SELECT {COLUMNS} FROM items "  # noqa: S608 - constants
                "WHERE change > ? AND change <= ? ORDER BY change LIMIT ?",
                (since, until, PAGE),
            )
            if not rows:
                return
            for row in rows:
                item = item_of(row)
                yield Change(item.change, item.id, None if row[REMOVED] else item)
            since = item.change

    def stats(self) -> Stats:
        """Return counts of items, licences, bytes and embeddings."""
        rows = self._catalogue.rows
        self._catalogue.verify()
        items, private, removed, size = rows(
            "SELECT count(*) FILTER (WHERE removed = 0), "
            "count(*) FILTER (WHERE removed = 0 AND private = 1), "
            "count(*) FILTER (WHERE removed <> 0), "
            "coalesce(sum(bytes) FILTER (WHERE removed = 0), 0) "
            "FROM items INDEXED BY items_summary"
        )[0]
        licences = rows(
            "SELECT licence, count(*) FROM items INDEXED BY items_summary WHERE removed = 0 "
            "GROUP BY licence ORDER BY count(*) DESC, licence"
        )
        spaces = rows(
            "SELECT spaces.space, count(items.number) FROM spaces "
            "LEFT JOIN embeddings ON embeddings.space = spaces.number "
            "LEFT JOIN items ON items.number = embeddings.item AND items.removed = 0 "
            "GROUP BY spaces.number ORDER BY spaces.space"
        )
        change = int(self._catalogue.meta("change"))
        return Stats(items, private, removed, size, change, dict(licences), dict(spaces))
