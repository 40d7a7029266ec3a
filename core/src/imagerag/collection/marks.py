"""Marks of what was purged: they tell a known picture again, without saying what it was.

A mark is the SHA-256 of the collection's random salt and the item's id. The table of marks has no
second copy that a damaged mark could be compared with, so their exclusive-or is kept in `meta`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from imagerag.collection.catalogue import Catalogue
from imagerag.collection.rows import iso
from imagerag.collection.vectors import PAGE
from imagerag.errors import CollectionError

PURGING = 2
"""The value of `removed` of an item that is being purged at this moment."""

_SUM = "marks"
_NONE = "00" * 32


class PurgeMarks:
    """The marks of one catalogue. All writing happens inside its `writing`."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Keep marks in `catalogue`."""
        self._catalogue = catalogue

    def verify(self) -> None:
        """Raise `CollectionError` where a mark is not what was written."""
        marks = [row[0] for row in self._catalogue.rows("SELECT mark FROM purged")]
        if _xor(marks) != self._sum():
            raise CollectionError(
                f"The catalogue {str(self._catalogue.path)!r} is damaged: what was purged can no "
                "longer be told. Restore the collection from a backup or an export."
            )

    def of(self, ids: Sequence[str]) -> dict[str, int]:
        """Return which of `ids` were purged, and when: seconds since 1970."""
        salt = self._catalogue.meta("salt")
        found: dict[str, int] = {}
        for start in range(0, len(ids), PAGE):
            marks = {_mark(salt, one): one for one in ids[start : start + PAGE]}
            places = ", ".join("?" * len(marks))
            rows = self._catalogue.rows(
                f"SELECT mark, at FROM purged WHERE mark IN ({places})",  # noqa: S608 - only "?"
                list(marks),
            )
            found.update((marks[mark], at) for mark, at in rows)
        return found

    def put(self, ids: Sequence[str], at: int) -> None:
        """Mark items, at a moment in seconds since 1970; those that have a mark keep theirs."""
        known = self.of(ids)
        salt = self._catalogue.meta("salt")
        fresh = [_mark(salt, one) for one in ids if one not in known]
        self._catalogue.many("INSERT INTO purged VALUES (?, ?)", [(mark, at) for mark in fresh])
        self._toggle(fresh)

    def take_over(self, marks: Iterable[tuple[bytes, int]]) -> int:
        """Put down the marks of another copy of this collection, which has the same salt.

        Returns how many came; where one of them was there already, `verify` fails from then on.
        """
        total, count = int(self._sum(), 16), 0

        def counted() -> Iterator[tuple[bytes, int]]:
            nonlocal total, count
            for mark, at in marks:
                total ^= int.from_bytes(mark, "big")
                count += 1
                yield mark, at

        self._catalogue.many("INSERT OR IGNORE INTO purged VALUES (?, ?)", counted())
        self._catalogue.set_meta({_SUM: total.to_bytes(32, "big").hex()})
        return count

    def lift(self, ids: Sequence[str]) -> None:
        """Take the marks of items away; those without one are passed over."""
        salt = self._catalogue.meta("salt")
        gone = [_mark(salt, one) for one in self.of(ids)]
        self._catalogue.many("DELETE FROM purged WHERE mark = ?", [(mark,) for mark in gone])
        self._toggle(gone)

    def refused(self, ids: Sequence[str], *, allowed: bool) -> dict[str, str]:
        """Return which of `ids` may not be taken in, and why; call it inside `writing`.

        Where it is `allowed`, only those are refused that are being purged now, and the marks of
        the others are lifted.
        """
        purged = self.of(ids)
        if not purged:
            return {}
        if not allowed:
            return {
                one: f"was purged on {iso(at)[:10]}; to take it in all the same: --allow-purged"
                for one, at in purged.items()
            }
        rows = self._catalogue.rows(
            "SELECT id FROM items INDEXED BY items_summary WHERE removed = ?", (PURGING,)
        )
        going = purged.keys() & {row[0] for row in rows}
        self.lift([one for one in purged if one not in going])
        return dict.fromkeys(going, "is being purged; add it again once that has ended")

    def at(self, moment: int) -> list[str]:
        """Return the marks made at a moment, in hexadecimal, sorted."""
        rows = self._catalogue.rows("SELECT mark FROM purged WHERE at = ?", (moment,))
        return sorted(row[0].hex() for row in rows)

    def latest(self) -> int:
        """Return the moment of the latest marks; 0 where there are none."""
        return int(self._catalogue.rows("SELECT coalesce(max(at), 0) FROM purged")[0][0])

    def _sum(self) -> str:
        return self._catalogue.maybe_meta(_SUM) or _NONE

    def _toggle(self, marks: Iterable[bytes]) -> None:
        self._catalogue.set_meta({_SUM: _xor([*marks, bytes.fromhex(self._sum())])})


def _mark(salt: str, identity: str) -> bytes:
    return hashlib.sha256(f"{salt} {identity}".encode()).digest()


def _xor(marks: Iterable[bytes]) -> str:
    total = 0
    for mark in marks:
        total ^= int.from_bytes(mark, "big")
    return total.to_bytes(32, "big").hex()
