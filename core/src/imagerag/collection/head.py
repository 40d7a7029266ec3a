"""The last change that was acknowledged, noted beside the catalogue.

SQLite drops the end of a write-ahead log that is not what was written, as it must after a crash in
the middle of a write. Where the disk has damaged a log that was whole, acknowledged changes would
be dropped in the same way, and nobody told. The note tells: it is written after each commit.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from pathlib import Path

FILE = "catalogue.head"


def write(folder: Path, uid: str, change: int) -> None:
    """Note that `change` was committed; a note that cannot be written only tells less later."""
    told = f"{uid} {change}"
    with suppress(OSError):
        (folder / FILE).write_text(f"{told} {zlib.crc32(told.encode())}\n", "utf-8")


def read(folder: Path, uid: str) -> int:
    """Return the last noted change of the collection `uid`; 0 where there is no good note."""
    try:
        told, _, checksum = (folder / FILE).read_text("utf-8").strip().rpartition(" ")
        whose, _, change = told.partition(" ")
        if zlib.crc32(told.encode()) == int(checksum) and whose == uid:
            return int(change)
    except (OSError, ValueError):
        pass
    return 0
