"""What files were when they were taken in, so that another addition passes over them unread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imagerag.collection.catalogue import Catalogue


@dataclass(frozen=True)
class Origin:
    """A file as it lay in its folder: size in bytes, time of its last change in nanoseconds."""

    place: str
    name: str
    size: int
    mtime: int

    @classmethod
    def of(cls, path: Path) -> Origin | None:
        """Return the origin of a file; None where it is not there or its name is no text."""
        whole = path.absolute()
        try:
            str(whole).encode()
            status = whole.stat()
        except (OSError, ValueError):
            return None
        return cls(str(whole.parent), whole.name, status.st_size, status.st_mtime_ns)


class Origins:
    """The origins kept in one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Keep origins in `catalogue`."""
        self._catalogue = catalogue

    def item(self, origin: Origin) -> str | None:
        """Return the id of the item that this very file was taken in as, None where unknown."""
        rows = self._catalogue.rows(
            "SELECT item FROM origins WHERE place = ? AND name = ? AND size = ? AND mtime = ?",
            (origin.place, origin.name, origin.size, origin.mtime),
        )
        return rows[0][0] if rows else None

    def put(self, taken: Iterable[tuple[Origin, str]]) -> None:
        """Keep files with the ids of their items; call it inside `writing`."""
        self._catalogue.many(
            "INSERT INTO origins (place, name, size, mtime, item) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET size = excluded.size, mtime = excluded.mtime, "
            "item = excluded.item",
            [(one.place, one.name, one.size, one.mtime, item) for one, item in taken],
        )
