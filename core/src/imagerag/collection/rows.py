"""How a row of the catalogue reads as an `Item`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from imagerag.values import Item

COLUMNS = "id, caption, licence, creator, source, tags, private, width, height, change"
"""The columns of `items` that make an `Item`, in the order `item_of` reads them."""


def item_of(row: Sequence[Any]) -> Item:
    """Return the item of a row that begins with `COLUMNS`."""
    identity, caption, licence, creator, source, tags, private, width, height, change = row[:10]
    return Item(
        id=identity,
        caption=caption,
        licence=licence,
        creator=creator,
        source=source,
        tags=tuple(json.loads(tags)),
        private=bool(private),
        width=width,
        height=height,
        change=change,
    )
