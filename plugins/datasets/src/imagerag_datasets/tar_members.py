"""The members of a tar archive, in memory one at a time; nothing is extracted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from imagerag_datasets import names, tar_header
from imagerag_datasets.byte_stream import ByteStream, DamagedArchiveError
from imagerag_datasets.tar_header import BLOCK, HeaderError, TarHeader

Note = Callable[[str, str], None]


@dataclass(frozen=True)
class Limits:
    """What may be read of one archive.

    `members` is a number of headers of any kind, `member_bytes` the size of one member,
    `archive_bytes` that of the whole after decompression, `ratio` the most by which gzip may have
    shrunk it.
    """

    members: int
    member_bytes: int
    archive_bytes: int
    ratio: int


def members(
    path: Path, limits: Limits, note: Note, wanted: Callable[[str], bool] = lambda name: True
) -> Iterator[tuple[str, bytes]]:
    """Yield (name, data) of each regular file of an archive, plain or gzip.

    `wanted(name)` says whether a member is read; others are passed over without a word. What is
    refused goes to `note(member, reason)`, and the reading goes on behind it, unless the archive
    itself is damaged: then that is noted with the name "" and the reading ends. Names are those
    that `names.refusal` finds nothing in, without "." parts; they may repeat.
    """
    try:
        stream = ByteStream(path, limit=limits.archive_bytes, ratio=limits.ratio)
    except OSError as error:
        note("", f"cannot be read: {error.strerror or error}")
        return
    with stream:
        try:
            yield from _Members(stream, limits, note, wanted).read()
        except (DamagedArchiveError, HeaderError) as trouble:
            note("", f"{trouble}, at byte {stream.position:,}; the rest is not read")


class _Members:
    """One pass over an archive. Extended headers speak of the member that follows them."""

    def __init__(
        self, stream: ByteStream, limits: Limits, note: Note, wanted: Callable[[str], bool]
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._note = note
        self._wanted = wanted
        self._records: dict[str, str] = {}
        self._long_name: str | None = None

    def read(self) -> Iterator[tuple[str, bytes]]:
        count = 0
        while (header := self._header(first=count == 0)) is not None:
            count += 1
            if count > self._limits.members:
                raise DamagedArchiveError(f"has more than {self._limits.members:,} members")
            if header.kind in b"xXgLK" and header.kind:
                self._extension(header)
                continue
            yield from self._member(header)
            self._records, self._long_name = {}, None

    def _header(self, *, first: bool) -> TarHeader | None:
        """Return the next header, None at the end of the archive."""
        block = self._stream.read(BLOCK)
        if not block.strip(b"\0"):
            if first and not block:
                raise DamagedArchiveError("is empty")
            return None
        if len(block) < BLOCK:
            raise DamagedArchiveError("is no tar archive" if first else "is cut short")
        try:
            return tar_header.parse(block)
        except HeaderError as error:
            raise DamagedArchiveError(
                f"is no tar archive: it {error}" if first else str(error)
            ) from error

    def _extension(self, header: TarHeader) -> None:
        if header.size > tar_header.LARGEST_EXTENSION:
            raise DamagedArchiveError(f"has an extended header of {header.size:,} bytes")
        data = self._data(header.size)
        if header.kind == b"L":
            self._long_name = data.partition(b"\0")[0].decode("utf-8", errors="replace")
        elif header.kind in b"xX":
            self._records = tar_header.pax(data)
        # Global records ("g") would rename or resize everything that follows, and the target of a
        # link ("K") is of no use where links are not read: both are passed over.

    def _member(self, header: TarHeader) -> Iterator[tuple[str, bytes]]:
        size = tar_header.pax_size(self._records, header.size)
        name = self._records.get("path", self._long_name) or header.name
        self._pass_over_maps(header)
        reason = self._refused(header, name, size)
        if reason is not None or header.kind == tar_header.FOLDER:
            if reason is not None:
                self._note(name, reason)
            self._skip(0 if header.kind in b"123456" else size)
            return
        plain = names.plain(name)
        if not self._wanted(plain):
            self._skip(size)
            return
        yield plain, self._data(size)

    def _refused(self, header: TarHeader, name: str, size: int) -> str | None:
        if header.kind in tar_header.WHAT:
            return tar_header.WHAT[header.kind]
        if any(key.startswith("GNU.sparse.") for key in self._records):
            return tar_header.WHAT[tar_header.SPARSE]
        reason = names.refusal(name)
        if reason is not None or header.kind == tar_header.FOLDER:
            return reason
        if header.kind not in tar_header.REGULAR:
            return f"is of an unknown kind, {header.kind!r}; only files are read"
        if size > self._limits.member_bytes:
            most = self._limits.member_bytes / 1e6
            return f"has {size / 1e6:,.1f} MB; at most {most:.0f} MB are read"
        return None

    def _pass_over_maps(self, header: TarHeader) -> None:
        """Pass over the blocks in which an old sparse file goes on saying where its parts lie."""
        more, count = header.extended, 0
        while more:
            block = self._stream.read(BLOCK)
            count += 1
            if len(block) < BLOCK or count > 10_000:
                raise DamagedArchiveError("has a sparse file whose map does not end")
            more = block[504] == 1

    def _data(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise DamagedArchiveError("is cut short")
        self._padding(size)
        return data

    def _skip(self, size: int) -> None:
        self._stream.skip(size)
        self._padding(size)

    def _padding(self, size: int) -> None:
        # The very last member of an archive is found without its padding at times.
        if rest := -size % BLOCK:
            self._stream.read(rest)
