"""One process at a time in a folder, for indexes and caches; on every platform."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagerag.errors import CollectionError

PATIENCE = 3600.0
"""Seconds to wait for another process that works in the same folder."""

_NAP = 0.5
"""Seconds that SQLite waits at one time, during which Python does not hear of Ctrl-C."""


@contextmanager
def only_one(folder: Path, patience: float | None = None) -> Iterator[None]:
    """Hold the lock of a folder; it is released however the process ends.

    `patience` is how many seconds to wait for another process, `PATIENCE` where it is not said.

    An empty SQLite file stands in for the lock: its locking works on every platform, and needs no
    clearing up after a crash. Raises `CollectionError` where the folder cannot be written to, or
    another process keeps it.
    """
    patience = PATIENCE if patience is None else patience
    nap = min(_NAP, patience)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            folder / "lock.sqlite", timeout=nap, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise _trouble(folder, error) from error
    try:
        _wait(connection, folder, patience)
        yield
    finally:
        connection.close()


def _wait(connection: sqlite3.Connection, folder: Path, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            connection.execute("BEGIN EXCLUSIVE")
            return
        except sqlite3.Error as error:
            busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() >= until:
                raise _trouble(folder, error) from error


def _trouble(folder: Path, error: Exception) -> CollectionError:
    return CollectionError(
        f"The folder {str(folder)!r} cannot be locked: {error}. See that it can be written to; "
        "where another process is at work in it, wait for that to end and run this again."
    )
