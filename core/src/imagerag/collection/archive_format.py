"""The one file that a collection is exported to: a plain tar, of which only a little is allowed.

Members come in this order: the images, each named by the SHA-256 of its bytes; `items.jsonl`, one
line for each; for each embedding space `spaces/N.json`, `.ids` (32 bytes each) and `.f32` (rows in
the same order); `purged.json`; and last `manifest.json`, with size and SHA-256 of every member that
is not named by it. Any tar program reads such a file; only a file of exactly this form is imported.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from imagerag.errors import CollectionError

FORMAT = "imagerag-collection"
VERSION = 1

ITEMS, PURGED, MANIFEST = "items.jsonl", "purged.json", "manifest.json"
IMAGE = re.compile(r"images/([0-9a-f]{2})/(\1[0-9a-f]{62})\.(jpg|png|webp)")
SPACE = re.compile(r"spaces/(0|[1-9][0-9]{0,3})\.(json|ids|f32)")

BLOCK = 512
_CHUNK = 1 << 20
_OCTAL = re.compile(rb"[0-7]{11}\0")
_MAGIC = b"ustar\x0000"


def header(name: str, size: int) -> bytes:
    """Return the tar header (POSIX.1-1988 ustar) of a regular file that its owner may read."""
    fields = [
        name.encode("ascii").ljust(100, b"\0"),
        b"0000600\0",
        b"0000000\0",
        b"0000000\0",
        f"{size:011o}\0".encode(),
        b"00000000000\0",
        b" " * 8,
        b"0",
        b"\0" * 100,
        _MAGIC,
        b"\0" * 64,
        b"0000000\0",
        b"0000000\0",
        b"\0" * 167,
    ]
    block = b"".join(fields)
    return block[:148] + f"{sum(block):06o}\0 ".encode() + block[156:]


def padding(size: int) -> bytes:
    """Return the zeros between the end of a member and the next block."""
    return b"\0" * (-size % BLOCK)


@dataclass(frozen=True)
class Member:
    """A member of an archive: read it whole before going on to the next."""

    name: str
    size: int
    file: IO[bytes]

    def chunks(self) -> Iterator[bytes]:
        """Yield its bytes. Raises `CollectionError` where the archive ends too early."""
        left = self.size
        while left:
            data = self.file.read(min(left, _CHUNK))
            if not data:
                raise refused("it is cut short")
            left -= len(data)
            yield data


def members(file: IO[bytes], length: int) -> Iterator[Member]:
    """Yield the members of an archive of `length` bytes, each of which must be read to its end.

    Raises `CollectionError` for whatever this module would not have written: names that are not of
    the form above, links, devices, folders, other kinds of tar, damage, anything behind the end.
    """
    while True:
        block = file.read(BLOCK)
        if block == b"\0" * BLOCK:
            _check_end(file)
            return
        member = _member(block, file)
        if member.size > length - file.tell():
            raise refused(f"it is cut short: {member.name!r} is not all there")
        end = file.tell() + member.size
        yield member
        if file.tell() != end or file.read(-member.size % BLOCK) != padding(member.size):
            raise refused(f"it is damaged behind {member.name!r}")


def _member(block: bytes, file: IO[bytes]) -> Member:
    if len(block) != BLOCK:
        raise refused("it is cut short, or no export of a collection")
    size = block[124:136]
    # The name is looked at as bytes first: a NUL in the middle would end it for some readers.
    name = block[:100].rstrip(b"\0").decode("latin-1")
    if not is_allowed(name):
        raise refused(f"it holds {name[:100]!r}, which no export of a collection does")
    if not _OCTAL.fullmatch(size) or block != header(name, int(size[:11], 8)):
        raise refused(f"the header of {name!r} is not that of a plain file, or is damaged")
    return Member(name, int(size[:11], 8), file)


def _check_end(file: IO[bytes]) -> None:
    if file.read(BLOCK) != b"\0" * BLOCK or file.read(1):
        raise refused("something follows its end")


def is_allowed(name: str) -> bool:
    """Say whether a member may have this name."""
    return name in {ITEMS, PURGED, MANIFEST} or bool(IMAGE.fullmatch(name) or SPACE.fullmatch(name))


def refused(reason: str) -> CollectionError:
    """Return the error for an archive that is not taken."""
    return CollectionError(
        f"The archive is refused, and nothing of it was imported: {reason}. "
        "Export the collection again, or use another copy of the file."
    )


class Digest:
    """The SHA-256 and the size of what passes through."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._sha = hashlib.sha256()
        self.size = 0

    def update(self, data: bytes) -> None:
        """Take in more."""
        self._sha.update(data)
        self.size += len(data)

    def entry(self) -> dict[str, object]:
        """Return what the manifest says of a member."""
        return {"size": self.size, "sha256": self._sha.hexdigest()}

    def hex(self) -> str:
        """Return the SHA-256 in hexadecimal."""
        return self._sha.hexdigest()
