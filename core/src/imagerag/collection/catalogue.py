"""The SQLite file behind a collection: its version, and one writer at a time.

WAL mode lets other processes read while one writes. A write transaction begins with the lock
(BEGIN IMMEDIATE), so that a second writer waits instead of failing half-way.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from imagerag.collection import schema
from imagerag.collection.migrations import migrate
from imagerag.collection.place import CATALOGUE
from imagerag.collection.rows import SEALED, checksum
from imagerag.collection.vector_checksum import owned
from imagerag.errors import CollectionError

WRITER_PATIENCE = 60.0
"""Seconds a second writer waits for the first one's batch to end."""


class Catalogue:
    """A connection to one catalogue, shared by the threads of this process."""

    def __init__(self, folder: Path) -> None:
        """Connect to the catalogue in `folder`; `create` or `check` comes next.

        One that cannot be written to, as on a medium of read-only files, is opened for reading.
        """
        self.path = folder / CATALOGUE
        self._lock = threading.RLock()
        self._last_sealed: int | None = None
        self.readonly = self.path.is_file() and not (
            os.access(self.path, os.W_OK) and os.access(folder, os.W_OK)
        )
        try:
            self._connection: sqlite3.Connection | None = self._connect(self._address())
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
                for statement in schema.statements(schema.WHOLE):
                    self.rows(statement)
                self.rows(
                    "INSERT INTO meta VALUES ('name', ?), ('uid', ?), ('change', '0'), ('salt', ?)",
                    (name, uuid.uuid4().hex, secrets.token_hex(32)),
                )
                self.rows(f"PRAGMA user_version = {schema.VERSION}")
        except BaseException:
            self.close()
            raise

    def check(self) -> None:
        """Migrate older versions; refuse newer ones, and files that are no catalogue.

        An older one that cannot be written to is migrated in memory, for this process alone.
        """
        try:
            version = self._version()
            if 0 < version < schema.VERSION:
                version = self._migrated()
        except BaseException:
            self.close()
            raise
        if version == schema.VERSION:
            return
        self.close()
        if version > schema.VERSION:
            raise CollectionError(
                f"The collection at {str(self.path.parent)!r} has schema version {version}; this "
                f"imagerag reads up to {schema.VERSION}. Upgrade: pip install -U imagerag"
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
        """Hold the write lock; commit at the end, roll back on any error.

        The rows that were given change numbers get their checksums at the end.
        """
        with self._lock:
            self.rows("BEGIN IMMEDIATE")
            self._last_sealed = None
            try:
                yield
                self._seal()
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
        if self._last_sealed is None:
            self._last_sealed = last
        self.rows("UPDATE meta SET value = ? WHERE key = 'change'", (str(last + count),))
        return range(last + 1, last + count + 1)

    def _address(self) -> str:
        """Return the file's URI. A reader of read-only files can neither lock nor make others."""
        address = self.path.absolute().as_uri()
        if not self.readonly:
            return address
        journal = self.path.with_name(CATALOGUE + "-wal")
        left_over = journal.is_file() and journal.stat().st_size > 0
        return address + ("?mode=ro" if left_over else "?immutable=1")

    @staticmethod
    def _connect(address: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            address,
            timeout=WRITER_PATIENCE,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )
        connection.create_function("row_checksum", -1, checksum, deterministic=True)
        connection.create_function("owned_checksum", 3, owned, deterministic=True)
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _migrated(self) -> int:
        if self.readonly:
            copy = self._connect(":memory:")
            self._open().backup(copy)
            self.close()
            self._connection = copy
        with self.writing():
            version = self._version()  # again, under the lock: another process may have done it
            if version < schema.VERSION:
                migrate(self, version)
        if self.readonly:
            self.rows("PRAGMA query_only = ON")
        return self._version()

    def _seal(self) -> None:
        if self._last_sealed is not None:
            self.rows(
                f"UPDATE items SET checksum = row_checksum({SEALED}) WHERE change > ?",  # noqa: S608
                (self._last_sealed,),
            )

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
        if self.readonly and "readonly" in str(error):
            return CollectionError(
                f"The catalogue {str(self.path)!r} cannot be written to. See that the folder and "
                "its files may be written by you, or copy the folder to where they may."
            )
        return CollectionError(
            f"The catalogue {str(self.path)!r} cannot be used: {error}. "
            "If it is damaged, restore that file from a backup or create the collection again."
        )
