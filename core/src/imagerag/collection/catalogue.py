"""The SQLite file behind a collection: its version, and one writer at a time.

WAL mode lets other processes read while one writes. A write transaction begins with the lock
(BEGIN IMMEDIATE), so that a second writer waits instead of failing half-way.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from imagerag.collection import head, schema, writer_note
from imagerag.collection.connection import address, connect, is_busy, is_readonly
from imagerag.collection.integrity import Integrity
from imagerag.collection.migrations import migrate
from imagerag.collection.place import CATALOGUE
from imagerag.collection.rows import SEALED, checksum
from imagerag.errors import CollectionError

WRITER_PATIENCE = 60.0
"""Seconds a second writer waits for the first one's batch to end."""

_NAP = 0.25
"""Seconds of that which SQLite waits at one time, during which Python does not hear of Ctrl-C."""

_SEAL = "seal"
"""The key of `meta` that keeps a checksum over the others."""


class Catalogue:
    """A connection to one catalogue, shared by the threads of this process."""

    def __init__(self, folder: Path) -> None:
        """Connect to the catalogue in `folder`; `create` or `check` comes next.

        One that cannot be written to, as on a medium of read-only files, is opened for reading.
        """
        self.path = folder / CATALOGUE
        self._lock = threading.RLock()
        self._last_sealed: int | None = None
        self._integrity = Integrity(self)
        self.readonly = is_readonly(self.path)
        try:
            where = address(self.path, readonly=self.readonly)
            self._connection: sqlite3.Connection | None = connect(where, WRITER_PATIENCE)
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
                own = {"name": name, "uid": uuid.uuid4().hex, "change": "0"}
                self.set_meta({**own, "salt": secrets.token_hex(32)})
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
            tables = self.rows("SELECT name FROM sqlite_master LIMIT 1")
            if 0 < version < schema.VERSION:
                version = self._migrated()
        except BaseException:
            self.close()
            raise
        if version == schema.VERSION:
            self._check_head()
            return
        self.close()
        if version > schema.VERSION:
            raise CollectionError(
                f"The collection at {str(self.path.parent)!r} has schema version {version}; this "
                f"imagerag reads up to {schema.VERSION}. Upgrade: pip install -U imagerag"
            )
        if tables:
            raise CollectionError(
                f"The catalogue {str(self.path)!r} is damaged: it does not say its version. "
                "Restore the collection from a backup or an export."
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
            # SQLite's messages quote what is damaged, and Python may not be able to read them.
            except (sqlite3.Error, UnicodeDecodeError) as error:
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
            self._begin()
            self._last_sealed = None
            folder = self.path.parent
            writer_note.leave(folder)
            try:
                yield
                self._seal()
                self.rows("COMMIT")
            except BaseException:
                with suppress(CollectionError):
                    self.rows("ROLLBACK")
                raise
            finally:
                writer_note.clear(folder)
            self._tell()

    def meta(self, key: str) -> str:
        """Return one of the collection's own values: "name", "uid", "change" or "salt"."""
        value = self.maybe_meta(key)
        if value is None:
            raise self._unlike()
        return value

    def maybe_meta(self, key: str) -> str | None:
        """Return one of the collection's own values, None where it has none of that name."""
        values = dict(self.rows("SELECT key, value FROM meta"))
        if values.get(_SEAL) not in (None, _sealed(values)):
            raise self._unlike()
        return values.get(key)

    def set_meta(self, values: Mapping[str, str]) -> None:
        """Write some of the collection's own values; call it inside `writing`."""
        self.many("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())
        every = dict(self.rows("SELECT key, value FROM meta"))
        self.rows("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_SEAL, _sealed(every)))

    def next_changes(self, count: int) -> range:
        """Reserve `count` change numbers; call it inside `writing`."""
        last = int(self.meta("change"))
        if self._last_sealed is None:
            self._last_sealed = last
        self.set_meta({"change": str(last + count)})
        return range(last + 1, last + count + 1)

    def verify(self) -> None:
        """See that no item is missing from where it is looked for; see `Integrity`."""
        self._integrity.verify()

    def verify_changes(self, since: int, until: int) -> None:
        """See that no item is missing from those changed after `since`; see `Integrity`."""
        self._integrity.verify_changes(since, until)

    def _begin(self) -> None:
        until = time.monotonic() + WRITER_PATIENCE
        self.rows(f"PRAGMA busy_timeout = {int(1000 * min(_NAP, WRITER_PATIENCE))}")
        try:
            while True:
                try:
                    self._open().execute("BEGIN IMMEDIATE")
                    return
                except sqlite3.Error as error:
                    if not is_busy(error) or time.monotonic() >= until:
                        raise self._trouble(error) from error
        finally:
            self.rows(f"PRAGMA busy_timeout = {int(1000 * WRITER_PATIENCE)}")

    def _migrated(self) -> int:
        if self.readonly:
            copy = connect(":memory:", WRITER_PATIENCE)
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

    def _tell(self) -> None:
        if self._last_sealed is not None:
            head.write(self.path.parent, self.meta("uid"), int(self.meta("change")))

    def _seal(self) -> None:
        if self._last_sealed is not None:
            self.rows(
                f"UPDATE items SET checksum = row_checksum({SEALED}) WHERE change > ?",  # noqa: S608
                (self._last_sealed,),
            )

    def _check_head(self) -> None:
        try:
            uid = self.meta("uid")
            noted = head.read(self.path.parent, uid)
            if noted > int(self.meta("change")):
                raise CollectionError(
                    f"The catalogue {str(self.path)!r} is damaged, or was put back from a copy: "
                    f"the change {noted} was written, and is not in it. Restore the collection "
                    f"from a backup or an export; or, to go on without what was lost, delete "
                    f"{str(self.path.parent / head.FILE)!r}."
                )
        except BaseException:
            self.close()
            raise

    def _version(self) -> int:
        return int(self.rows("PRAGMA user_version")[0][0])

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise CollectionError(f"The collection at {str(self.path.parent)!r} is closed.")
        return self._connection

    def _unlike(self) -> CollectionError:
        return CollectionError(
            f"The catalogue {str(self.path)!r} is damaged: what it says of itself is not what was "
            "written. Restore the collection from a backup or an export."
        )

    def _trouble(self, error: Exception) -> CollectionError:
        if is_busy(error):
            return CollectionError(
                f"Another process has been writing to {str(self.path)!r} for more than "
                f"{WRITER_PATIENCE:.0f} s{writer_note.holder(self.path.parent)}. "
                "Wait for it to end, then run this again."
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


def _sealed(values: Mapping[str, str]) -> str:
    # By text, since a damaged key may read as something else.
    told = [pair for pair in values.items() if pair[0] != _SEAL]
    told.sort(key=lambda pair: str(pair[0]))
    return str(checksum(*told))
