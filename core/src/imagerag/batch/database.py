"""The SQLite file of a run store: its schema, its version, and one writer at a time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from imagerag.batch.schema import TABLES, VERSION, VIEWS
from imagerag.errors import StoreError

_PATIENCE = 30.0
"""Seconds to wait for another process that writes."""


class Database:
    """A connection to a run store's file, shared by the threads of this process.

    Every commit is on the disk before it returns (`synchronous = FULL`): what is acknowledged
    survives a crash of the machine too.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        try:
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._connection.execute("PRAGMA synchronous = FULL")
            version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise self._trouble(error) from error
        try:
            self._check(version, create)
        except BaseException:
            self.close()
            raise

    def _check(self, version: int, create: bool) -> None:
        if version == VERSION:
            return
        if version > VERSION:
            raise StoreError(
                f"the run store {str(self.path)!r} has version {version}, and this imagerag reads "
                f"up to {VERSION}: pip install --upgrade imagerag"
            )
        if not create:
            raise StoreError(
                f"{str(self.path)!r} is no run store, or was never finished: run the batch again."
            )
        self.rows("PRAGMA journal_mode = WAL")
        with self.writing():
            if int(self.rows("PRAGMA user_version")[0][0]) == VERSION:
                return  # another process was quicker
            for statement in (TABLES + VIEWS).split(";"):
                if statement.strip():
                    self.rows(statement)
            self.rows(f"PRAGMA user_version = {VERSION}")

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
                with suppress(StoreError):
                    self.rows("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the connection; calling it twice does nothing more."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError(f"the run store {str(self.path.parent)!r} is closed.")
        return self._connection

    def _trouble(self, error: Exception) -> StoreError:
        return StoreError(
            f"the run store {str(self.path)!r} cannot be used: {error}. See that there is room on "
            "its disk and that it may be written to, then run the same command again: what was "
            "finished is kept."
        )
