"""Connecting to the SQLite file of a catalogue, be it on a medium of read-only files."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from imagerag.collection.rows import checksum
from imagerag.collection.vector_checksum import owned

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def is_readonly(path: Path) -> bool:
    """Say whether the file is there and cannot be written to, or nothing beside it."""
    return path.is_file() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def address(path: Path, *, readonly: bool) -> str:
    """Return the file's URI. A reader of read-only files can neither lock nor make others."""
    uri = path.absolute().as_uri()
    if not readonly:
        return uri
    log = path.with_name(f"{path.name}-wal")
    left_over = log.is_file() and log.stat().st_size > 0
    return uri + ("?mode=ro" if left_over else "?immutable=1")


def connect(where: str, patience: float) -> sqlite3.Connection:
    """Open a URI, or ":memory:"; `patience` is how many seconds a statement waits for a lock."""
    connection = sqlite3.connect(
        where, timeout=patience, isolation_level=None, check_same_thread=False, uri=True
    )
    connection.create_function("row_checksum", -1, checksum, deterministic=True)
    connection.create_function("owned_checksum", 3, owned, deterministic=True)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def is_busy(error: Exception) -> bool:
    """Say whether an error comes from another process at work."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF in _BUSY
