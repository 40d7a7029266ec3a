"""A folder beside a new collection, in which it is made before it is moved into place.

The folder is locked as long as its process lives. So whoever makes the next collection there knows
which folders a killed process left, and clears them.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imagerag.errors import CollectionError
from imagerag.folder_lock import only_one

_BEGUN = "begun"
"""The file that says that the folder's lock was taken."""

_OWN = frozenset({_BEGUN, "lock.sqlite"})

_NAME = re.compile(r"\..+-making-[a-z0-9_]{8}")

_STARTING = 3600.0
"""Seconds after which a folder whose lock was never taken is left over: its process was killed in
the instant between the two."""


@contextmanager
def making(target: Path) -> Iterator[Path]:
    """Yield a new, locked folder beside `target`, which is deleted at the end.

    What killed processes left in the same place is cleared first. Raises `OSError` or
    `CollectionError` where nothing can be written there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _clear(target.parent)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-making-", dir=target.parent))
    try:
        with only_one(folder):
            (folder / _BEGUN).touch()
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _clear(parent: Path) -> None:
    """Delete the folders of killed processes; what cannot be deleted stays for another time."""
    try:
        left = [path for path in parent.iterdir() if _NAME.fullmatch(path.name)]
    except OSError:
        return
    for path in left:
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError, CollectionError):
                _clear_one(path)


def _clear_one(folder: Path) -> None:
    if (folder / _BEGUN).exists():
        with only_one(folder, patience=0.0):  # or its process is still at work
            for path in folder.iterdir():
                if path.name not in _OWN:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.rmtree(folder)
    elif time.time() - folder.stat().st_mtime > _STARTING:
        (folder / "lock.sqlite").unlink(missing_ok=True)
        folder.rmdir()  # only if that was all
