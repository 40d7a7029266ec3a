"""The tables of a catalogue, in their present version.

A row of `items` carries a CRC-32 of its other values, written when a transaction ends and checked
whenever the row is read. So every write of a row gives it a new change number: that is how the end
of the transaction finds it.
"""

from __future__ import annotations

VERSION = 2
"""Kept in `PRAGMA user_version`. Newer catalogues are refused, older ones are migrated."""

# `change` is what indexes follow: unique, rising, and counted in `meta`, so that purging the
# latest row can never make a number come twice. A removed item keeps its row as a tombstone.
ITEMS = """
CREATE TABLE items (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    format TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    caption TEXT NOT NULL,
    licence TEXT,
    creator TEXT,
    source TEXT,
    tags TEXT NOT NULL,
    private INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    change INTEGER NOT NULL UNIQUE,
    removed INTEGER NOT NULL DEFAULT 0,
    added INTEGER,
    phash INTEGER,
    near TEXT,
    checksum INTEGER
) STRICT;
"""
"""`added` is in seconds since 1970, `phash` a perceptual hash of 64 bits as a signed number,
`near` the id of the item that this one nearly repeats; each is NULL where unknown."""

SUMMARY = """
CREATE INDEX items_summary ON items (removed, private, licence, bytes);
"""
"""What counts are taken from. SQLite's own check compares it with the rows, which is how a damaged
value is noticed by counts, which read no rows."""

ORIGINS = """
CREATE TABLE origins (
    place TEXT NOT NULL,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime INTEGER NOT NULL,
    item TEXT NOT NULL,
    PRIMARY KEY (place, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX origins_item ON origins (item);
"""
"""What a source's file was when it was taken in (size in bytes, mtime in nanoseconds), so that
another addition can pass over what did not change."""

PURGED = """
CREATE TABLE purged (
    mark BLOB PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
"""Items that were purged and are not to come back. A mark is the SHA-256 of a salt and the item's
id, so that the id itself is nowhere in the folder."""

WHOLE = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
    + ITEMS
    + SUMMARY
    + ORIGINS
    + PURGED
    + """
CREATE TABLE spaces (
    number INTEGER PRIMARY KEY,
    space TEXT NOT NULL UNIQUE,
    dim INTEGER NOT NULL
) STRICT;
CREATE TABLE embeddings (
    item INTEGER NOT NULL REFERENCES items (number) ON DELETE CASCADE,
    space INTEGER NOT NULL REFERENCES spaces (number) ON DELETE CASCADE,
    checksum INTEGER NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (space, item)
) STRICT;
"""
)
"""The whole schema, as statements that end in semicolons."""


def statements(text: str) -> list[str]:
    """Split statements; none here holds a semicolon inside."""
    return [one.strip() for one in text.split(";") if one.strip()]
