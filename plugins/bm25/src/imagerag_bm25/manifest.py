"""The small JSON file that says which files make up an index, and what they must contain.

It is written last and replaced in one step, so an index is always as it was before or after a sync.
Every file it names has its size and CRC-32 in it; the manifest itself carries its own SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imagerag.errors import CollectionError

MANIFEST = "manifest.json"
FORMAT = 1
"""Version of the files' layout; an index of any other version is built anew."""


class DamagedIndexError(CollectionError):
    """A file of the index is missing or not what was written; the index is built anew."""


@dataclass(frozen=True)
class FileEntry:
    """One immutable file of an index."""

    name: str
    size: int
    crc: int

    def check(self, folder: Path, *, contents: bool) -> Path:
        """Return the file's path, after checking its size and, if asked, its contents."""
        path = folder / self.name
        try:
            if path.stat().st_size != self.size:
                raise DamagedIndexError(f"{self.name} has another size than it was written with")
            if contents and _crc(path) != self.crc:
                raise DamagedIndexError(f"{self.name} has other contents than were written")
        except OSError as error:
            raise DamagedIndexError(f"{self.name}: {error.strerror or error}") from error
        return path


@dataclass(frozen=True)
class Shape:
    """How much a segment holds: captions, different words, pairs of the two, bytes of words."""

    rows: int
    words: int
    postings: int
    letters: int


@dataclass(frozen=True)
class SegmentEntry:
    """A segment of an index: its shape, which says how its file is laid out, and its file."""

    shape: Shape
    file: FileEntry


@dataclass(frozen=True)
class Manifest:
    """What an index is made of, and which change of which collection it has reached.

    `words` is the id of the rules by which captions were read. `dead` names a file of row numbers
    (uint32) that count no more.
    """

    words: str
    collection: str
    change: int = 0
    segments: tuple[SegmentEntry, ...] = ()
    dead: FileEntry | None = None

    def files(self) -> set[str]:
        """Return the names of all files that belong to the index, but for the manifest."""
        found = {one.file.name for one in self.segments}
        if self.dead is not None:
            found.add(self.dead.name)
        return found

    def write(self, folder: Path) -> None:
        """Make this the manifest of `folder`, durably."""
        body = {"format": FORMAT, **asdict(self)}
        text = json.dumps({"index": body, "sha256": _digest(body)}, indent=1)
        write_file(folder / MANIFEST, [text.encode()])

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """Return the manifest of `folder`, or None where there is no index yet.

        Raises `DamagedIndexError` where the file is not what was written.
        """
        try:
            value = json.loads((folder / MANIFEST).read_bytes())
            body = value["index"]
            if value["sha256"] != _digest(body):
                raise DamagedIndexError(f"{MANIFEST} has other contents than were written")
            if body.pop("format") != FORMAT:
                raise DamagedIndexError(f"{MANIFEST} is of another version")
            return _manifest(body)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DamagedIndexError(f"{MANIFEST} cannot be read: {error}") from error


def _manifest(body: dict[str, Any]) -> Manifest:
    dead = body["dead"]
    segments = tuple(
        SegmentEntry(Shape(**one["shape"]), FileEntry(**one["file"])) for one in body["segments"]
    )
    return Manifest(
        **{
            **body,
            "segments": segments,
            "dead": None if dead is None else FileEntry(**dead),
        }
    )


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            crc = zlib.crc32(block, crc)
    return crc


def write_file(path: Path, parts: Iterable[bytes | memoryview]) -> FileEntry:
    """Write a file through a temporary name, flushed to disk, and return its entry.

    Raises `CollectionError` where the disk is full or refuses; what was at `path` is still there.
    """
    temporary = path.with_name(f"{path.name}.part")
    size = crc = 0
    try:
        with temporary.open("wb") as file:
            for part in parts:
                size += file.write(part)
                crc = zlib.crc32(part, crc)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise CollectionError(
            f"The index file {str(path)!r} cannot be written: {error.strerror or error}. Make room "
            "or give leave to write there, then run: imagerag index"
        ) from error
    return FileEntry(path.name, size, crc)


def flush_folder(folder: Path) -> None:
    """Make renames in `folder` durable where the platform can."""
    if os.name != "posix":  # Windows can neither open nor flush a folder.
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
