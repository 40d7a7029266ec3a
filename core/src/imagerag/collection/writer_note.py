"""Who is writing to a collection: a small file that a writer that waits can read.

The lock itself is SQLite's, and ends with its holder however that ends. The note only says whose it
is; one that was left by a killed process is overwritten by the next writer.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

FILE = "writer.json"


def leave(folder: Path) -> None:
    """Note that this process holds the write lock; without a note where none can be written."""
    told = {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    with suppress(OSError):
        (folder / FILE).write_text(json.dumps(told), "utf-8")


def clear(folder: Path) -> None:
    """Take the note away; to be done while the lock is still held."""
    with suppress(OSError):
        (folder / FILE).unlink(missing_ok=True)


def holder(folder: Path) -> str:
    """Say who holds the lock, as the end of a sentence; "" where that is not known."""
    try:
        told = json.loads((folder / FILE).read_text("utf-8"))
        return f": process {int(told['process'])} on {told['host']!s}, since {told['since']!s}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
