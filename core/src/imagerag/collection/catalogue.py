"""The SQLite file behind a collection: its schema, its versions, and one writer at a time.

WAL mode lets other processes read while one writes. A write transaction begins with the lock
(BEGIN IMMEDIATE), so that a second writer waits instead of failing half-way.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from imagerag.collection.place import CATALOGUE
from imagerag.errors import CollectionError

SCHEMA_VERSION = 1
"""Version of the schema below, kept in `PRAGMA user_version`; newer ones are refused."""

WRITER_PATIENCE = 60.0
"""Seconds a second writer waits for the first one's batch to end."""

# `change` is what indexes follow: unique, rising, and counted in `meta`, so that purging the
# latest row can never make a number come twice. A removed item keeps its row as a tombstone.
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE items (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    format TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    caption TEXT NOT NULL,
    licence TEXT,
    creator TEXT,
    source TEXT,
    tags TEXT NOT NULL,
    private INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    change INTEGER NOT NULL UNIQUE,
    removed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE spaces (
    number INTEGER PRIMARY KEY,
    space TEXT NOT NULL UNIQUE,
    dim INTEGER NOT NULL
) STRICT;
CREATE TABLE embeddings (
    item INTEGER NOT NULL REFERENCES items (number) ON DELETE CASCADE,
    space INTEGER NOT NULL REFERENCES spaces (number) ON DELETE CASCADE,
    checksum INTEGER NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (space, item)
) STRICT;
"""


class Catalogue:
    """A connection to one catalogue, shared by the threads of this process."""

    def __init__(self, folder: Path) -> None:
        """Connect to the catalogue in `folder`; `create` or `check` comes next."""
        self.path = folder / CATALOGUE
        self._lock = threading.RLock()
        try:
            self._connection: sqlite3.Connection | None = sqlite3.connect(
                self.path, timeout=WRITER_PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error as error:
            raise self._trouble(error) from error

    def create(self, name: str) -> None:
        """Write the schema, in one transaction. Raises `CollectionError` where one exists."""
        try:
            # Turning WAL on does not wait for a lock, and two creators may race for it.
            for attempt in range(100):
                try:
                    self.rows("PRAGMA journal_mode = WAL")
                    break
                except CollectionError:
                    if attempt == 99:
                        raise
                    time.sleep(0.05)
            with self.writing():
                if self._version() != 0:
                    raise CollectionError(
                        f"There is a collection at {str(self.path.parent)!r} already. "
                        f"Add to it: imagerag collection add {self.path.parent} FOLDER"
                    )
                for statement in _SCHEMA.split(";"):
                    if statement.strip():
                        self.rows(statement)
                self.rows(
                    "INSERT INTO meta VALUES ('name', ?), ('uid', ?), ('change', '0')",
                    (name, uuid.uuid4().hex),
                )
                self.rows(f"PRAGMA user_version = {SCHEMA_VERSION}")
        except BaseException:
            self.close()
            raise

    def check(self) -> None:
        """Refuse catalogues of other versions, and files that are no catalogue."""
        try:
            version = self._version()
        except CollectionError:
            self.close()
            raise
        if version == SCHEMA_VERSION:
            return
        self.close()
        if version > SCHEMA_VERSION:
            raise CollectionError(
                f"The collection at {str(self.path.parent)!r} has schema version {version}; this "
                f"imagerag reads up to {SCHEMA_VERSION}. Upgrade: pip install -U imagerag"
            )
        raise CollectionError(
            f"The collection at {str(self.path.parent)!r} was never finished. Delete that folder "
            "and create it again: imagerag collection create NAME FOLDER"
        )

    def close(self) -> None:
        """Close the connection; calling it twice does nothing more."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        with self._lock:
            try:
                return self._open().execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise self._trouble(error) from error

    def many(self, statement: str, values: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each tuple of values."""
        with self._lock:
            try:
                self._open().executemany(statement, values)
            except sqlite3.Error as error:
                raise self._trouble(error) from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the write lock; commit at the end, roll back on any error."""
        with self._lock:
            self.rows("BEGIN IMMEDIATE")
            try:
                yield
                self.rows("COMMIT")
            except BaseException:
                with suppress(CollectionError):
                    self.rows("ROLLBACK")
                raise

    def meta(self, key: str) -> str:
        """Return one of the collection's own values: "name", "uid" or "change"."""
        found = self.rows("SELECT value FROM meta WHERE key = ?", (key,))
        if not found:
            raise CollectionError(f"The catalogue {str(self.path)!r} is damaged: no {key!r} in it.")
        return str(found[0][0])

    def next_changes(self, count: int) -> range:
        """Reserve `count` change numbers; call it inside `writing`."""
        last = int(self.meta("change"))
        self.rows("UPDATE meta SET value = ? WHERE key = 'change'", (str(last + count),))
        return range(last + 1, last + count + 1)

    def _version(self) -> int:
        return int(self.rows("PRAGMA user_version")[0][0])

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise CollectionError(f"The collection at {str(self.path.parent)!r} is closed.")
        return self._connection

    def _trouble(self, error: sqlite3.Error) -> CollectionError:
        if "locked" in str(error) or "busy" in str(error):
            return CollectionError(
                f"Another process has been writing to {str(self.path)!r} for more than "
                f"{WRITER_PATIENCE:.0f} s. Wait for it to end, then run this again."
            )
        return CollectionError(
            f"The catalogue {str(self.path)!r} cannot be used: {error}. "
            "If it is damaged, restore that file from a backup or create the collection again."
        )
