"""The image files of a collection, named by their content.

A file is written under a temporary name, flushed, and renamed; its row follows. The names that a
batch is about to place are noted in a journal first, so that whoever writes next can take back
what a killed writer placed without rows. All writing happens under the catalogue's write lock.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from typing import TypeVar

from imagerag.errors import CollectionError

_T = TypeVar("_T")

_JOURNAL = "journal"
_FLUSHERS = 16
_TOGETHER = 64
"""Files that are written before the first of them is flushed; as many are open at once."""


class ImageFiles:
    """The folders `images/` and `incoming/` of a collection."""

    def __init__(self, folder: Path) -> None:
        """Use the folder of a collection; nothing is made until something is placed."""
        self._images = folder / "images"
        self._incoming = folder / "incoming"

    def path(self, item: str, extension: str) -> Path:
        """Return where the file of an item belongs."""
        return self._images / item[:2] / f"{item}.{extension}"

    def size(self, item: str, extension: str) -> int | None:
        """Return how many bytes the file of an item has, None where it is not there."""
        try:
            status = self.path(item, extension).stat()
        except OSError:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def place(self, batch: Iterable[tuple[str, str, bytes]]) -> None:
        """Write files given as (id, extension, bytes), durably, replacing any that exist.

        Raises `CollectionError` where the disk is full or refuses; `settle` then takes back what
        was placed.
        """
        files = list(batch)
        if not files:
            return
        try:
            self._incoming.mkdir(parents=True, exist_ok=True)
            names = "".join(f"{item} {extension}\n" for item, extension, _ in files)
            write_file(self._incoming / _JOURNAL, names.encode())
            moves = [
                (self._incoming / f"{item}.{extension}", self.path(item, extension))
                for item, extension, _ in files
            ]
            folders = {self._images, *(target.parent for _, target in moves)}
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
            with ThreadPoolExecutor(_FLUSHERS) as pool:
                paths = [temporary for temporary, _ in moves]
                for start in range(0, len(files), _TOGETHER):
                    end = start + _TOGETHER
                    _write_files(pool, paths[start:end], [data for *_, data in files[start:end]])
                for temporary, target in moves:
                    temporary.replace(target)
                _in_shares(pool, flush_folder, list(folders))
        except OSError as error:
            raise CollectionError(
                f"Cannot write to {str(self._images)!r}: {error.strerror or error}. "
                "What was added before is safe; free some space or mend the folder, and add again."
            ) from error

    def delete(self, batch: Iterable[tuple[str, str]]) -> None:
        """Delete files given as (id, extension), durably; those that are gone already are fine."""
        folders = set()
        try:
            for item, extension in batch:
                path = self.path(item, extension)
                path.unlink(missing_ok=True)
                folders.add(path.parent)
            for folder in folders:
                if folder.is_dir():
                    flush_folder(folder)
        except OSError as error:
            raise CollectionError(
                f"The images in {str(self._images)!r} cannot be deleted: "
                f"{error.strerror or error}. Mend the folder; what is left goes when the "
                "collection is next opened."
            ) from error

    def settle(self, has_row: Callable[[str], bool]) -> None:
        """Finish what the last writer left: keep files that have a row, take back the others."""
        if not self._incoming.is_dir():
            return
        journal = self._incoming / _JOURNAL
        try:
            if journal.is_file():
                for line in journal.read_text("utf-8").splitlines():
                    item, _, extension = line.partition(" ")
                    if extension and not has_row(item):
                        self.path(item, extension).unlink(missing_ok=True)
            for leftover in self._incoming.iterdir():
                if leftover.name != _JOURNAL:
                    leftover.unlink(missing_ok=True)
            # The journal goes last: until then, a second crash finds it again.
            journal.unlink(missing_ok=True)
        except OSError as error:
            raise CollectionError(
                f"Cannot tidy {str(self._incoming)!r}: {error.strerror or error}. "
                "Mend the folder, then run this again."
            ) from error


def _write_files(pool: ThreadPoolExecutor, paths: Sequence[Path], data: Sequence[bytes]) -> None:
    """Write files and wait until all are on disk.

    Once the first is flushed the others need little more: the file system writes its journal once.
    """
    with ExitStack() as opened:
        files = []
        for path, content in zip(paths, data, strict=True):
            file = opened.enter_context(path.open("wb", buffering=0))
            rest = memoryview(content)
            while rest:
                rest = rest[file.write(rest) :]
            files.append(file)
        _in_shares(pool, _flush, files)


def _in_shares(pool: ThreadPoolExecutor, act: Callable[[_T], None], things: Sequence[_T]) -> None:
    """Do something with each of many, in threads: many can wait for a disk at once."""

    def share(first: int) -> None:
        for one in things[first::_FLUSHERS]:
            act(one)

    for _ in pool.map(share, range(min(_FLUSHERS, len(things)))):
        pass


def _flush(file: FileIO) -> None:
    os.fsync(file.fileno())


def write_file(path: Path, data: bytes) -> None:
    """Write a file and wait until it is on disk. Raises `OSError`."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Make what was placed, renamed or deleted in a folder durable, where the platform can."""
    if os.name != "posix":  # Windows can neither open nor flush a folder.
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
