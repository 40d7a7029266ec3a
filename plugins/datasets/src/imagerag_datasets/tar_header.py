"""One header of a tar archive: 512 bytes of a stranger's, read without trust.

Python's `tarfile` reads extended headers whole, at whatever size they claim, and follows what they
say about sparse files. Nothing here depends on a size before it was compared with a limit.
"""

from __future__ import annotations

from dataclasses import dataclass

BLOCK = 512

LARGEST_EXTENSION = 1_000_000
"""Most bytes of an extended header: names and comments, not data."""

REGULAR, FOLDER, SPARSE = b"0\0" + b"7", b"5", b"S"

WHAT = {
    b"1": "is a hard link; only files are read",
    b"2": "is a symbolic link; only files are read",
    b"3": "is a character device; only files are read",
    b"4": "is a block device; only files are read",
    b"6": "is a FIFO; only files are read",
    b"S": "is a sparse file; only plain files are read",
}


class HeaderError(ValueError):
    """The block is no header; the message says why."""


@dataclass(frozen=True)
class TarHeader:
    """What a header claims. `extended` of a sparse file: another block of its map follows."""

    name: str
    size: int
    kind: bytes
    extended: bool = False


def parse(block: bytes) -> TarHeader:
    """Read a header of 512 bytes. Raises `HeaderError`."""
    stated = _number(block[148:156], "checksum")
    unsigned = sum(block) - sum(block[148:156]) + 8 * 32
    # Some old programs added signed bytes.
    if stated != unsigned and stated != unsigned - 256 * sum(
        byte > 127 for byte in block[:148] + block[156:]
    ):
        raise HeaderError("has a wrong checksum")
    size = _number(block[124:136], "size")
    name = _text(block[0:100])
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else ""
    return TarHeader(
        name=f"{prefix}/{name}" if prefix else name,
        size=size,
        kind=block[156:157],
        extended=block[156:157] == SPARSE and block[482] == 1,
    )


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", errors="replace")


def _number(field: bytes, what: str) -> int:
    """Read a number: octal digits, or base 256 where the first bit is set (GNU)."""
    if field[0] & 0x80:
        value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
        # With the second bit set it is negative; nothing is that large either.
        if field[0] & 0x40 or value >= 1 << 63:
            raise HeaderError(f"has an impossible {what}")
        return value
    text = field.partition(b"\0")[0].strip(b" ") or b"0"
    if any(byte not in b"01234567" for byte in text):
        raise HeaderError(f"has a {what} that is no number")
    return int(text, 8)


def pax(data: bytes) -> dict[str, str]:
    """Read the records of an extended header, "LENGTH key=value" each. Raises `HeaderError`."""
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 21)
        digits = data[at:space] if space > at else b""
        # Length counts itself; one that does not rise would be read for ever.
        if not digits.isdigit() or len(digits) > 8:
            if not data[at:].strip(b"\0"):
                break
            raise HeaderError("has a damaged extended header")
        end = at + int(digits)
        record = data[space + 1 : end]
        if end > len(data) or not record.endswith(b"\n") or b"=" not in record:
            raise HeaderError("has a damaged extended header")
        key, _, value = record[:-1].partition(b"=")
        found[key.decode("utf-8", errors="replace")] = value.decode("utf-8", errors="replace")
        at = end
    return found


def pax_size(records: dict[str, str], size: int) -> int:
    """Return the size that extended records give, else `size`. Raises `HeaderError`."""
    text = records.get("size")
    if text is None:
        return size
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise HeaderError("has a size that is no number")
    return int(text)
