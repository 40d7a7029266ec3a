"""How a row of the catalogue reads as an `Item`, and how it is known to be what was written."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from imagerag.errors import CollectionError
from imagerag.values import Item

SEALED = (
    "id, caption, licence, creator, source, tags, private, width, height, change, added, near, "
    "removed, format, bytes, phash"
)
"""The columns of `items` that the checksum of a row covers: all but `number`, which the embeddings
of an item cover by its id."""

COLUMNS = f"{SEALED}, checksum"
"""The columns of `items` that make an `Item`, in the order `item_of` reads them."""

REMOVED, FORMAT, BYTES, PHASH = 12, 13, 14, 15
"""Where other columns stand in a row of `COLUMNS`."""

_WIDTH = 16

_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), default=lambda blob: ["blob", blob.hex()]
).encode
"""Blobs are never written here, but what is damaged may read as one."""


def checksum(*values: Any) -> int:
    """Return the CRC-32 of the values of a row, in the order of `SEALED`."""
    return zlib.crc32(_encode(values).encode("utf-8", "surrogatepass"))


def check(row: Sequence[Any]) -> None:
    """Raise `CollectionError` where a row that begins with `COLUMNS` is not what was written."""
    if checksum(*row[:_WIDTH]) != row[_WIDTH]:
        raise CollectionError(
            f"The catalogue is damaged: the row of the item {str(row[0])[:12]!r} is not what was "
            "written. Restore the collection from a backup or an export, or create it again."
        )


def item_of(row: Sequence[Any]) -> Item:
    """Return the item of a row that begins with `COLUMNS`, removed or not.

    Raises `CollectionError` where the row is damaged.
    """
    check(row)
    identity, caption, licence, creator, source, tags, private, width, height, change = row[:10]
    return Item(
        id=identity,
        caption=caption,
        licence=licence,
        creator=creator,
        source=source,
        tags=tuple(json.loads(tags)) if tags != "[]" else (),
        private=bool(private),
        width=width,
        height=height,
        change=change,
        added=iso(row[10]),
        near=row[11],
    )


def present(row: Sequence[Any]) -> Item | None:
    """Return the item of a row that begins with `COLUMNS`, None where it was removed.

    Raises `CollectionError` where the row is damaged.
    """
    item = item_of(row)
    return None if row[REMOVED] else item


def iso(seconds: int | None) -> str:
    """Return a moment, in seconds since 1970, as an ISO date-time in UTC; "" for none."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
