"""One writer of an index at a time, across processes and platforms."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagerag.errors import CollectionError

PATIENCE = 3600.0
"""Seconds to wait for another process that is building the same index."""


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the lock of an index folder; it is released however the process ends.

    An empty SQLite file stands in for the lock: its locking works on every platform, and needs no
    clearing up after a crash.
    """
    folder.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(
        folder / "lock.sqlite", timeout=PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            raise CollectionError(
                f"The index {str(folder)!r} cannot be locked: {error}. Another process may be "
                "building it: wait for it to end, then run `imagerag index` again."
            ) from error
        yield
    finally:
        connection.close()
