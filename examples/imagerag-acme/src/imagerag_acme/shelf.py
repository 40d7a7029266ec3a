"""The shelf: the vectors of a collection's items, in one SQLite file.

Its legal states are "as of change n of the collection", for some n: every write brings the vectors
and the number forward in one transaction. So a process that is killed leaves the shelf as it was,
and of two processes that write, the second finds that its number is taken and looks again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagerag.errors import CollectionError, SpaceMismatchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PATIENCE = 60.0
"""Seconds to wait for another process that is writing."""

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS meta ("
    "only INTEGER PRIMARY KEY CHECK (only = 1), collection TEXT NOT NULL, space TEXT NOT NULL, "
    "dim INTEGER NOT NULL, change INTEGER NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS vectors ("
    "id TEXT PRIMARY KEY, vector BLOB NOT NULL) STRICT, WITHOUT ROWID",
)


@dataclass(frozen=True)
class Meta:
    """What a shelf is of: a collection, by its uid, as of a change; and an encoder's space."""

    collection: str
    space: str
    dim: int
    change: int = 0


class Shelf:
    """One file. Nothing stays open between two calls, so there is nothing to close."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, wanted: Meta) -> Meta:
        """Return what the shelf is of, after emptying one of another or an older collection.

        Raises:
            SpaceMismatchError: It holds vectors of another space, or of another length.
            CollectionError: The file cannot be used.
        """
        with self._writing() as connection:
            rows = connection.execute("SELECT collection, space, dim, change FROM meta").fetchall()
            have = Meta(*rows[0]) if rows else wanted
            if (have.space, have.dim) != (wanted.space, wanted.dim):
                raise SpaceMismatchError(
                    f"{str(self.path)!r} holds vectors of {have.space!r} with {have.dim} numbers, "
                    f"and the encoder has {wanted.space!r} with {wanted.dim}. Delete that file, "
                    "then run: imagerag index"
                )
            stale = have.collection != wanted.collection or have.change > wanted.change
            if not rows or stale:
                have = Meta(wanted.collection, wanted.space, wanted.dim)
                connection.execute("DELETE FROM vectors")
                connection.execute(
                    "INSERT OR REPLACE INTO meta VALUES (1, ?, ?, ?, ?)",
                    (have.collection, have.space, have.dim, have.change),
                )
            return have

    def known(self, ids: Sequence[str]) -> set[str]:
        """Return those of `ids` whose vectors are here."""
        with self._writing() as connection:
            return {
                one
                for one in ids
                if connection.execute("SELECT 1 FROM vectors WHERE id = ?", (one,)).fetchone()
            }

    def advance(
        self,
        since: int,
        until: int,
        put: Mapping[str, NDArray[np.float32]],
        gone: Sequence[str],
    ) -> bool:
        """Bring the shelf from change `since` to `until`; False where it is no longer at `since`.

        All of it happens, or nothing does.
        """
        with self._writing() as connection:
            moved = connection.execute(
                "UPDATE meta SET change = ? WHERE change = ?", (until, since)
            ).rowcount
            if not moved:
                return False
            connection.executemany("DELETE FROM vectors WHERE id = ?", [(one,) for one in gone])
            connection.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                [(one, vector.astype("<f4").tobytes()) for one, vector in put.items()],
            )
            return True

    def load(self) -> tuple[int, list[str], NDArray[np.float32]]:
        """Return the change, the ids in order, and their vectors, shape (len(ids), dim).

        Raises:
            CollectionError: The file cannot be used, or holds a vector of another length.
        """
        import numpy as np

        with self._writing() as connection:
            dim, change = connection.execute("SELECT dim, change FROM meta").fetchone()
            rows = connection.execute("SELECT id, vector FROM vectors ORDER BY id").fetchall()
        if any(len(blob) != 4 * dim for _, blob in rows):
            raise self._trouble("a vector in it has another length")
        data = b"".join(blob for _, blob in rows)
        matrix = np.frombuffer(data, dtype="<f4").astype(np.float32).reshape(len(rows), dim)
        return change, [one for one, _ in rows], matrix

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Open the file, hold its write lock, and commit at the end; roll back on any error."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(
                sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)
            ) as connection:
                connection.execute("BEGIN IMMEDIATE")
                for statement in _SCHEMA:
                    connection.execute(statement)
                yield connection
                connection.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            raise self._trouble(str(error)) from error

    def _trouble(self, what: str) -> CollectionError:
        return CollectionError(
            f"The index {str(self.path)!r} cannot be used: {what}. Delete that file, then run: "
            "imagerag index"
        )
