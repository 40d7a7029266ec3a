"""Files of an index: written whole, named in a sealed description, checked before they are used.

Every file is immutable, has a name that never comes twice, and is named with its size and CRC-32 in
one small JSON file that is written last and replaced in one step. So an index is always as it was
before or after a change. The JSON file carries its own SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import uuid
import zlib
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagerag.errors import CollectionError


class DamagedIndexError(CollectionError):
    """A file of the index is missing or not what was written; the index is built anew."""


@dataclass(frozen=True)
class FileEntry:
    """One immutable file of an index."""

    name: str
    size: int
    crc: int

    def map(self, folder: Path) -> mmap.mmap | bytes:
        """Open the file by memory map, after checking its size alone; see `check_contents`."""
        try:
            with (folder / self.name).open("rb") as file:
                if os.fstat(file.fileno()).st_size != self.size:
                    raise DamagedIndexError(
                        f"{self.name} has another size than it was written with"
                    )
                if self.size == 0:  # which no platform maps
                    return b""
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise DamagedIndexError(f"{self.name}: {error.strerror or error}") from error

    def check_contents(self, contents: bytes | mmap.mmap | memoryview) -> None:
        """Read `contents` through, and raise `DamagedIndexError` where they are not the file's."""
        if zlib.crc32(contents) != self.crc:
            raise DamagedIndexError(f"{self.name} has other contents than were written")

    def check(self, folder: Path) -> Path:
        """Return the file's path, after reading it through."""
        self.check_contents(self.map(folder))
        return folder / self.name


def write_file(path: Path, data: bytes | memoryview) -> FileEntry:
    """Write a file through a temporary name, flushed to disk, and return its entry."""
    temporary = path.with_name(f"{path.name}.part")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    flush_folder(path.parent)
    return FileEntry(path.name, memoryview(data).nbytes, zlib.crc32(data))


def file_entry(path: Path) -> FileEntry:
    """Return the entry of a file that another library wrote, after flushing it to disk."""
    crc = 0
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        while block := file.read(1 << 22):
            crc = zlib.crc32(block, crc)
    flush_folder(path.parent)
    return FileEntry(path.name, path.stat().st_size, crc)


def new_name() -> str:
    """Return a random name that no file had before."""
    return uuid.uuid4().hex[:16]


def write_sealed(path: Path, version: int, body: dict[str, Any]) -> None:
    """Write a description as JSON with its layout's version and its own digest, durably."""
    index = {"format": version, **body}
    text = json.dumps({"index": index, "sha256": _digest(index)}, indent=1)
    write_file(path, text.encode())


def read_sealed(path: Path, version: int) -> dict[str, Any] | None:
    """Return what `write_sealed` wrote, or None where there is no file.

    Raises `DamagedIndexError` where it is not what was written, or of another version.
    """
    try:
        value = json.loads(path.read_bytes())
        body = value["index"]
        if value["sha256"] != _digest(body):
            raise DamagedIndexError(f"{path.name} has other contents than were written")
        if body.pop("format") != version:
            raise DamagedIndexError(f"{path.name} is of another version")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedIndexError(f"{path.name} cannot be read: {error}") from error
    assert isinstance(body, dict)
    return body


def tidy(folder: Path, keep: Collection[str]) -> None:
    """Delete all files of `folder` but those named, and its lock.

    Where a platform does not delete what another process maps, they go at a later time.
    """
    for path in folder.iterdir():
        if path.name not in keep and path.is_file() and not path.name.startswith("lock."):
            with suppress(OSError):
                path.unlink()
    flush_folder(folder)


def flush_folder(folder: Path) -> None:
    """Make renames in `folder` durable where the platform can."""
    if os.name != "posix":  # Windows can neither open nor flush a folder.
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
