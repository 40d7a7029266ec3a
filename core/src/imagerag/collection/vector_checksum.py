"""The checksum of an embedding, which covers whose it is as well as its values."""

from __future__ import annotations

import zlib


def owned(checksum: int, item: str, space: str) -> int:
    """Extend the CRC-32 of an embedding's bytes by the item's id and the name of the space.

    So an embedding that a damaged catalogue hands to another item, or another space, is noticed.
    """
    return zlib.crc32(f"{item} {space}".encode(), checksum)
