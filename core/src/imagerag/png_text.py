"""Reading one text chunk of a PNG file without decoding its picture.

Layout: PNG third edition, sections 5.3 (chunks) and 11.3.3.4 (iTXt).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from imagerag.errors import ImageError, RecordError

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (type, body) of each chunk up to IEND; raises `ImageError` for a damaged file."""
    if not data.startswith(SIGNATURE):
        raise ImageError("it is not a PNG picture")
    position = len(SIGNATURE)
    while True:
        head = data[position : position + 8]
        if len(head) < 8:
            raise ImageError("it is a damaged picture: it is cut short")
        length, kind = struct.unpack(">I4s", head)
        body = data[position + 8 : position + 8 + length]
        tail = data[position + 8 + length : position + 12 + length]
        if len(body) < length or len(tail) < 4:
            raise ImageError("it is a damaged picture: it is cut short")
        if zlib.crc32(kind + body) != int.from_bytes(tail, "big"):
            raise ImageError(f"it is a damaged picture: the checksum of {kind!r} does not match")
        yield kind, body
        if kind == b"IEND":
            return
        position += 12 + length


def text_of(data: bytes, keyword: str, largest: int) -> str | None:
    """Return the first iTXt text of that keyword, or None where there is none.

    At most `largest` bytes are unpacked. Raises `ImageError` for a damaged file, `RecordError` for
    a text that is damaged or larger.
    """
    for kind, body in list(chunks(data)):  # the whole file is checked before any of it is read
        name, zero, rest = body.partition(b"\0")
        if kind != b"iTXt" or not zero or name != keyword.encode("latin-1"):
            continue
        packed = rest[:1] == b"\1"
        content = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        try:
            if packed:
                content = zlib.decompressobj().decompress(content, largest + 1)
            if len(content) > largest:
                raise RecordError(f"its record is larger than {largest} bytes")
            return content.decode("utf-8")
        except (zlib.error, UnicodeDecodeError) as error:
            raise RecordError(f"its record is damaged: {error}") from error
    return None
