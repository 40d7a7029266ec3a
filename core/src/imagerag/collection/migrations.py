"""From the schema of an older catalogue to the present one, step by step in one transaction."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from imagerag.collection import schema
from imagerag.collection.rows import SEALED

if TYPE_CHECKING:
    from imagerag.collection.catalogue import Catalogue


def migrate(catalogue: Catalogue, version: int) -> None:
    """Bring a catalogue of an older version to the present one; call it inside `writing`.

    Nothing outside the catalogue is touched, and no change number is used: to an index, the
    collection is the same.
    """
    for step in range(version, schema.VERSION):
        _STEPS[step](catalogue)
    catalogue.rows(f"PRAGMA user_version = {schema.VERSION}")


def _to_2(catalogue: Catalogue) -> None:
    """Checksums for rows, perceptual hashes, near duplicates, origins, and marks of the purged."""
    for column in ("added INTEGER", "phash INTEGER", "near TEXT", "checksum INTEGER"):
        catalogue.rows(f"ALTER TABLE items ADD COLUMN {column}")
    for part in (schema.SUMMARY, schema.ORIGINS, schema.PURGED):
        for statement in schema.statements(part):
            catalogue.rows(statement)
    catalogue.set_meta({"salt": secrets.token_hex(32)})
    catalogue.rows(f"UPDATE items SET checksum = row_checksum({SEALED})")  # noqa: S608 - constants
    # The checksum of an embedding covered its values alone; now also whose they are, and where.
    catalogue.rows(
        "UPDATE embeddings SET checksum = owned_checksum(checksum, "
        "(SELECT id FROM items WHERE number = embeddings.item), "
        "(SELECT space FROM spaces WHERE number = embeddings.space))"
    )


_STEPS: dict[int, Callable[[Catalogue], None]] = {1: _to_2}
