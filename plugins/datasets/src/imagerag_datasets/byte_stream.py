"""Bytes of an archive, from front to back, decompressed where it is gzip, within limits."""

from __future__ import annotations

import zlib
from pathlib import Path
from types import TracebackType

_CHUNK = 1 << 18
_FREE = 64_000_000
"""Bytes that a compressed archive may grow by before its ratio is looked at: a small archive of
very plain pictures is no bomb."""


class DamagedArchiveError(Exception):
    """The archive cannot be read on from here; the message says why."""


class ByteStream:
    """Reads a file, or what its gzip holds, forwards only.

    At most one chunk is held in memory, whatever the archive claims. `limit` is the most bytes that
    it may hold, `ratio` the most by which gzip may have shrunk it.
    """

    def __init__(self, path: Path, *, limit: int, ratio: int) -> None:
        """Open a file; whether it is gzip is told by its first bytes, not by its name."""
        self._file = path.open("rb")
        self._limit = limit
        self._ratio = ratio
        self._gzip = self._file.read(2) == b"\x1f\x8b"
        self._file.seek(0)
        self._size = path.stat().st_size
        self._inflate = zlib.decompressobj(wbits=31)
        self._pending = b""
        self._in = 0
        self._out = 0
        self.position = 0

    def __enter__(self) -> ByteStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end. Raises `DamagedArchiveError`."""
        parts, missing = [], size
        while missing > 0:
            part = self._some(min(missing, _CHUNK))
            if not part:
                break
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def skip(self, size: int) -> None:
        """Pass over `size` bytes. Raises `DamagedArchiveError` where the archive ends before."""
        if not self._gzip:
            if size > self._size - self.position:
                raise DamagedArchiveError("is cut short")
            self.position += size
            self._counted()
            self._file.seek(self.position)
            return
        while size > 0:
            part = self._some(min(size, _CHUNK))
            if not part:
                raise DamagedArchiveError("is cut short")
            size -= len(part)

    def _some(self, most: int) -> bytes:
        try:
            part = self._inflated(most) if self._gzip else self._file.read(most)
        except zlib.error as error:
            raise DamagedArchiveError(f"has damaged compression: {error}") from error
        except OSError as error:
            raise DamagedArchiveError(f"cannot be read: {error.strerror or error}") from error
        self.position += len(part)
        self._counted()
        return part

    def _counted(self) -> None:
        if self.position > self._limit:
            raise DamagedArchiveError(f"holds more than {self._limit / 1e9:.1f} GB")

    def _inflated(self, most: int) -> bytes:
        while True:
            if not self._pending:
                self._pending = self._file.read(_CHUNK)
                self._in += len(self._pending)
            ended = not self._pending
            if self._inflate.eof:
                # gzip files may stand one behind another; zeros behind the last one are padding.
                self._pending = self._pending.lstrip(b"\0")
                if ended:
                    return b""
                if not self._pending:
                    continue
                self._inflate = zlib.decompressobj(wbits=31)
            part = self._inflate.decompress(self._pending, most)
            self._pending = (
                self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            )
            self._out += len(part)
            if self._out > _FREE and self._out > self._ratio * self._in:
                raise DamagedArchiveError(
                    f"grows more than {self._ratio} times when it is decompressed, which images "
                    "do not"
                )
            if part:
                return part
            if ended and not self._inflate.eof:
                raise DamagedArchiveError("is cut short")
