"""Captions that were written before, in a file that only its owner may read."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Set
from pathlib import Path
from typing import TypeVar

from imagerag.errors import CollectionError

log = logging.getLogger(__name__)

FILE = "captions.sqlite"
_VERSION = 1
_PATIENCE = 60.0
"""Seconds to wait for another process that is writing."""

_TRIES = 600

_SCHEMA = """
CREATE TABLE captions (
    captioner TEXT NOT NULL,
    image TEXT NOT NULL,
    caption BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (captioner, image)
) STRICT, WITHOUT ROWID
"""

_BUSY, _LOCKED = sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED
_OUTSIDE = {
    _BUSY,
    _LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
"""Errors that come from the disk or from another process, and not from what the file holds."""

_T = TypeVar("_T")


class CaptionShelf:
    """Keeps captions by image (SHA-256 of its bytes) and captioner (an id of model and wording).

    Safe for several threads and processes, and through a kill at any moment. Captions can be of
    private pictures, so folder and file are for their owner alone (modes 0700 and 0600). A file
    that is damaged, or of another version, is thrown away, with a warning in the log: everything
    in it can be made again.
    """

    def __init__(self, folder: Path) -> None:
        """Use a folder of one's own; it is made on first use."""
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def get(self, captioner: str, image: str) -> str | None:
        """Return a caption that was kept, None where there is none or it is not what was kept."""
        rows = self._run(
            lambda connection: connection.execute(
                "SELECT caption, checksum FROM captions WHERE captioner = ? AND image = ?",
                (captioner, image),
            ).fetchall()
        )
        for caption, checksum in rows:
            # Decoded only once it is known to be what was kept, and so to be text.
            if isinstance(caption, bytes) and _checksum(captioner, image, caption) == checksum:
                return caption.decode()
        return None

    def put(self, captioner: str, image: str, caption: str) -> None:
        """Keep a caption, in place of one that was kept before."""
        data = caption.encode()
        row = (captioner, image, data, _checksum(captioner, image, data))
        self._run(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO captions VALUES (?, ?, ?, ?)", row
            )
        )

    def purge(self, images: Set[str]) -> int:
        """Delete every captioner's captions of these images; return how many there were.

        Nothing of them is left in the file's free room or its log. Does nothing where no caption
        was ever kept. Raises `CollectionError` where the file cannot be written to, or another
        process reads it without a pause.
        """
        if not self._path.is_file():
            return 0
        wanted = json.dumps(sorted(images))

        def delete(connection: sqlite3.Connection) -> int:
            gone = connection.execute(
                "DELETE FROM captions WHERE image IN (SELECT value FROM json_each(?))", (wanted,)
            ).rowcount
            connection.execute("VACUUM")
            if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                raise sqlite3.OperationalError("another process is reading them")
            return gone

        return self._run(delete)

    def close(self) -> None:
        """Close the file; it is opened again on the next use."""
        with self._lock:
            self._shut()

    def _run(self, ask: Callable[[sqlite3.Connection], _T]) -> _T:
        with self._lock:
            try:
                try:
                    return ask(self._opened())
                # SQLite's messages quote what is damaged, and Python may not be able to read them.
                except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                    if _code(error) in _OUTSIDE:
                        raise
                    log.warning(
                        "The captions in %s are damaged, and begun anew: %s.", self._path, error
                    )
                    self._discard()
                    return ask(self._opened())
            except (OSError, sqlite3.Error) as error:
                raise CollectionError(
                    f"The captions in {str(self._path)!r} cannot be used: {error}. See that the "
                    "folder can be written to and has room; the file may be deleted at any time."
                ) from error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite gives the files beside it the mode of this one.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            self._path.chmod(0o600)
            self._connection = sqlite3.connect(
                self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            _prepare(self._connection)
        return self._connection

    def _discard(self) -> None:
        self._shut()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(FILE + suffix).unlink(missing_ok=True)

    def _shut(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the table where there is none. Raises `DatabaseError` for another version."""
    # Turning WAL on does not wait for a lock, and two processes may race for it.
    for attempt in range(_TRIES):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            if attempt + 1 == _TRIES or _code(error) not in (_BUSY, _LOCKED):
                raise
            time.sleep(_PATIENCE / _TRIES)
    connection.execute("BEGIN IMMEDIATE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.execute(_SCHEMA)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")
    if version not in (0, _VERSION):
        raise sqlite3.DatabaseError(f"they have version {version}")


def _code(error: Exception) -> int:
    """Return the kind of an error: the lower byte, the higher ones being its circumstances."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _checksum(captioner: str, image: str, caption: bytes) -> int:
    return zlib.crc32(caption, zlib.crc32(f"{captioner}\0{image}\0".encode()))
