"""A catalogue of schema 1 becomes one of schema 2, whole, where it can be written to and not."""

import os
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imagerag.collection import Collection, connection, schema
from imagerag.errors import CollectionError
from imagerag.roles import Found

SCHEMA_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
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
    removed INTEGER NOT NULL DEFAULT 0
) STRICT;
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
INSERT INTO meta VALUES ('name', 'old'), ('uid', 'abc'), ('change', '7');
PRAGMA user_version = 1;
"""
IDS = [f"{n:02x}" * 32 for n in range(4)]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A collection as schema 1 had it: four items, one private, one removed, with embeddings."""
    folder = tmp_path / "old"
    folder.mkdir()
    connection = sqlite3.connect(folder / "catalogue.sqlite")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(SCHEMA_1)
    for n, one in enumerate(IDS):
        connection.execute(
            "INSERT INTO items VALUES (?, ?, 'png', 9, ?, 'CC0', NULL, NULL, ?, ?, 2, 3, ?, ?)",
            (n + 1, one, f"caption {n} é", '["t"]', int(n == 1), n + 4, int(n == 2)),
        )
        vector = np.full(4, n, dtype="<f4").tobytes()
        connection.execute("INSERT OR IGNORE INTO spaces VALUES (1, 'space', 4)")
        connection.execute(
            "INSERT INTO embeddings VALUES (?, 1, ?, ?)", (n + 1, zlib.crc32(vector), vector)
        )
    connection.commit()
    connection.close()
    return folder


def version(folder: Path) -> int:
    connection = sqlite3.connect(folder / "catalogue.sqlite")
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def check(opened: Collection) -> None:
    assert (opened.name, opened.uid, opened.change) == ("old", "abc", 7)
    assert [item.id for item in opened.items()] == [IDS[0], IDS[1], IDS[3]]
    item = opened.get(IDS[1])
    assert (item.caption, item.private, item.tags) == ("caption 1 é", True, ("t",))
    assert (item.added, item.near, item.change) == ("", None, 5)
    assert [change.number for change in opened.changes(0)] == [4, 5, 6, 7]
    kept = opened.vectors("space", IDS)
    assert {one: float(vector[0]) for one, vector in kept.items()} == dict(
        zip(IDS, (0.0, 1.0, 2.0, 3.0), strict=True)
    )


def tables(folder: Path) -> dict[str, str]:
    connection = sqlite3.connect(folder / "catalogue.sqlite")
    try:
        found = {}
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE sql NOT NULL"):
            columns = connection.execute(f"PRAGMA table_xinfo({name})").fetchall()
            found[name] = str(
                columns or connection.execute(f"PRAGMA index_info({name})").fetchall()
            )
        return found
    finally:
        connection.close()


def test_an_old_catalogue_is_migrated_when_opened(old: Path, tmp_path: Path) -> None:
    with Collection.open(old) as opened:
        check(opened)
    assert version(old) == schema.VERSION
    Collection.create(tmp_path / "new").close()
    assert tables(old) == tables(tmp_path / "new")
    with Collection.open(old) as opened:
        check(opened)
        assert opened.remove([IDS[0]]) == 1
        assert opened.change == 8


def test_what_is_added_after_a_migration_has_a_date(
    old: Path, picture: Callable[..., bytes]
) -> None:
    with Collection.open(old) as opened:
        opened.add([Found("new", data=picture(5))])
        item = list(opened.items())[-1]
        assert item.added.endswith("Z")
        assert item.added > "2026"


def test_a_migration_that_fails_changes_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "PURGED", "CREATE TABLE no sense")
    with pytest.raises(CollectionError, match="cannot be used"):
        Collection.open(old)
    assert version(old) == 1
    monkeypatch.undo()
    with Collection.open(old) as opened:
        check(opened)


def test_an_old_catalogue_on_a_read_only_medium_is_migrated_in_memory(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (old / "catalogue.sqlite").read_bytes()
    monkeypatch.setattr(connection.os, "access", lambda path, mode: mode != os.W_OK)
    with Collection.open(old) as opened:
        check(opened)
        with pytest.raises(CollectionError, match="cannot be written to"):
            opened.remove([IDS[0]])
    assert (old / "catalogue.sqlite").read_bytes() == before
    assert [path.name for path in old.iterdir()] == ["catalogue.sqlite"]


def test_a_present_catalogue_on_a_read_only_medium_is_read(
    tmp_path: Path, picture: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Collection.create(tmp_path / "c") as made:
        made.add([Found("one", data=picture(1))])
    monkeypatch.setattr(connection.os, "access", lambda path, mode: mode != os.W_OK)
    with Collection.open(tmp_path / "c") as opened:
        assert len(list(opened.items())) == 1
        with pytest.raises(CollectionError, match="cannot be written to"):
            opened.add([Found("two", data=picture(2))])
    assert not list((tmp_path / "c").glob("catalogue.sqlite-*"))
