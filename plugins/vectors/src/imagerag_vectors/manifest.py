"""What an index of vectors is made of: the description that names its files."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from imagerag_vectors.files import DamagedIndexError, FileEntry, read_sealed, write_sealed

MANIFEST = "manifest.json"
FORMAT = 2
"""Version of the files' layout; an index of any other version is built anew."""


@dataclass(frozen=True)
class Segment:
    """A run of rows: vectors, ids of their items (32 bytes each), and a check sum of each row."""

    rows: int
    vectors: FileEntry
    ids: FileEntry
    sums: FileEntry


@dataclass(frozen=True)
class CodeEntry:
    """A structure over the first `rows` rows that finds candidates; see `imagerag_vectors.code`.

    `shape` holds the options that it was built with, in JSON's types.
    """

    kind: str
    shape: dict[str, Any]
    rows: int
    files: tuple[FileEntry, ...]


@dataclass(frozen=True)
class Manifest:
    """What an index is made of, and which change of which collection it has reached.

    `dead` names a file of row numbers (uint32) whose items were removed.
    """

    space: str
    dim: int
    dtype: Literal["f16", "f32"]
    collection: str
    change: int = 0
    segments: tuple[Segment, ...] = field(default=())
    dead: FileEntry | None = None
    code: CodeEntry | None = None

    @property
    def rows(self) -> int:
        """How many rows there are, dead ones included."""
        return sum(one.rows for one in self.segments)

    def files(self) -> set[str]:
        """Return the names of all files that belong to the index, but for the manifest."""
        found = {e.name for one in self.segments for e in (one.vectors, one.ids, one.sums)}
        if self.dead is not None:
            found.add(self.dead.name)
        if self.code is not None:
            found.update(entry.name for entry in self.code.files)
        return found

    def write(self, folder: Path) -> None:
        """Make this the manifest of `folder`, durably."""
        write_sealed(folder / MANIFEST, FORMAT, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """Return the manifest of `folder`, or None where there is no index yet.

        Raises `DamagedIndexError` where the file is not what was written.
        """
        body = read_sealed(folder / MANIFEST, FORMAT)
        if body is None:
            return None
        try:
            return _manifest(body)
        except (KeyError, TypeError) as error:
            raise DamagedIndexError(f"{MANIFEST} cannot be read: {error}") from error


def _manifest(body: dict[str, Any]) -> Manifest:
    code, dead = body["code"], body["dead"]
    segments = tuple(
        Segment(one["rows"], *(FileEntry(**one[part]) for part in ("vectors", "ids", "sums")))
        for one in body["segments"]
    )
    if code is not None:
        code = CodeEntry(**{**code, "files": tuple(FileEntry(**one) for one in code["files"])})
    dead = None if dead is None else FileEntry(**dead)
    return Manifest(**{**body, "segments": segments, "dead": dead, "code": code})
