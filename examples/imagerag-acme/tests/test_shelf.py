"""The shelf holds what the collection holds, whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from imagerag import Collection, Query, Session
from imagerag.errors import CollectionError, SpaceMismatchError
from imagerag.testing import registry

from imagerag_acme.retriever import ShelfRetriever, shelf_path
from imagerag_acme.shelf import Meta, Shelf

Fill = Callable[[Collection, range], None]
ASK = [Query("picture 3"), Query("picture 11")]
PARTS = {"encoder": {"use": "hashing"}, "retriever": {"use": "shelf", "batch_size": 4}}


def session() -> Session:
    return Session.from_config(PARTS, registry=registry("imagerag_acme.plugin"))


def retriever(opened: Session) -> ShelfRetriever:
    made = opened.retriever
    assert isinstance(made, ShelfRetriever)
    return made


@pytest.fixture
def shelf() -> Iterator[ShelfRetriever]:
    """A retriever of its own."""
    with session() as opened:
        yield retriever(opened)


def file_of(collection: Collection, used: ShelfRetriever) -> Path:
    return shelf_path(collection.path, used.context.component("encoder").space)


def found(used: ShelfRetriever) -> list[list[str]]:
    return [[hit.item.id for hit in hits] for hits in used.search(ASK, 10_000)]


def test_only_what_changed_is_applied(
    collection: Collection, fill: Fill, shelf: ShelfRetriever
) -> None:
    fill(collection, range(10))
    assert shelf.sync(collection) == 10
    fill(collection, range(12))
    assert shelf.sync(collection) == 2
    collection.remove([next(collection.items()).id])
    assert shelf.sync(collection) == 1
    assert {len(hits) for hits in found(shelf)} == {11}
    with session() as other:
        assert retriever(other).sync(collection) == 0
        assert found(retriever(other)) == found(shelf)


def test_an_item_that_came_back_is_found_again(
    collection: Collection, fill: Fill, shelf: ShelfRetriever
) -> None:
    fill(collection, range(5))
    shelf.sync(collection)
    before = found(shelf)
    collection.remove([before[0][0]])
    shelf.sync(collection)
    fill(collection, range(5))
    assert shelf.sync(collection) == 1
    assert found(shelf) == before


def test_a_picture_that_is_broken_is_left_out_with_a_warning(
    collection: Collection,
    fill: Fill,
    shelf: ShelfRetriever,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fill(collection, range(5))
    broken = next(collection.items()).id
    collection.file(broken).write_bytes(b"broken")
    assert shelf.sync(collection) == 5
    assert broken[:12] in caplog.text
    assert {len(hits) for hits in found(shelf)} == {4}
    assert shelf.sync(collection) == 0


def test_the_shelf_of_another_collection_is_emptied(tmp_path: Path, fill: Fill) -> None:
    with (
        Collection.create(tmp_path / "a") as a,
        Collection.create(tmp_path / "b") as b,
        session() as opened,
    ):
        fill(a, range(4))
        fill(b, range(4, 10))
        used = retriever(opened)
        used.sync(a)
        (a.path / "indexes").rename(b.path / "indexes")
        assert used.sync(b) == 6
        assert set(found(used)[0]) == {item.id for item in b.items()}


def test_vectors_of_another_space_are_refused(
    collection: Collection, fill: Fill, shelf: ShelfRetriever
) -> None:
    fill(collection, range(3))
    shelf.sync(collection)
    file = file_of(collection, shelf)
    with pytest.raises(SpaceMismatchError, match="imagerag index"):
        Shelf(file).read(Meta(collection.uid, "another", 64, collection.change))
    with pytest.raises(SpaceMismatchError, match="with 7"):
        Shelf(file).read(Meta(collection.uid, "hashing-64", 7, collection.change))


@pytest.mark.parametrize("content", [b"this is no database at all, not in the least", b"\0" * 4096])
def test_a_damaged_file_is_told_with_what_to_do(
    collection: Collection, fill: Fill, shelf: ShelfRetriever, content: bytes
) -> None:
    fill(collection, range(3))
    shelf.sync(collection)
    file = file_of(collection, shelf)
    file.write_bytes(content)
    with pytest.raises(CollectionError, match="Delete that file, then run: imagerag index"):
        shelf.sync(collection)
    file.unlink()
    assert shelf.sync(collection) == 3


def test_a_vector_of_another_length_is_told(
    collection: Collection, fill: Fill, shelf: ShelfRetriever
) -> None:
    fill(collection, range(3))
    shelf.sync(collection)
    connection = sqlite3.connect(file_of(collection, shelf))
    connection.execute("UPDATE vectors SET vector = x'00'")
    connection.commit()
    connection.close()
    with session() as other, pytest.raises(CollectionError, match="another length"):
        retriever(other).sync(collection)


def test_of_two_writers_the_second_looks_again(tmp_path: Path) -> None:
    import numpy as np

    shelf, wanted = Shelf(tmp_path / "shelf.sqlite"), Meta("uid", "space", 2, 9)
    assert shelf.read(wanted).change == 0
    vector = np.array([0.6, 0.8], dtype=np.float32)
    assert shelf.advance(0, 5, {"a": vector}, [])
    assert not shelf.advance(0, 7, {"b": vector}, ["a"])
    assert shelf.advance(5, 7, {"b": vector}, ["a"])
    change, ids, matrix = shelf.load()
    assert (change, ids, matrix.tolist()) == (7, ["b"], [vector.tolist()])


CHILD = """
import sys
from imagerag import Collection, Query, Session
from imagerag.testing import registry

parts = {"encoder": {"use": "hashing"}, "retriever": {"use": "shelf", "batch_size": 2}}
with Session.from_config(parts, registry=registry("imagerag_acme.plugin")) as session:
    with Collection.open(sys.argv[1]) as collection:
        print("open", flush=True)
        session.retriever.sync(collection)
        print(len(session.retriever.search([Query("x")], 10_000)[0]), flush=True)
"""


def child(collection: Collection) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(collection.path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_a_process_that_is_killed_leaves_a_state_between_two_changes(
    collection: Collection, fill: Fill, shelf: ShelfRetriever
) -> None:
    fill(collection, range(300))
    killed = 0
    for pause in (0.02, 0.04, 0.08, 0.12, 0.16):
        running = child(collection)
        assert running.stdout is not None
        assert running.stdout.readline() == "open\n"
        time.sleep(pause)
        killed += running.poll() is None
        running.send_signal(signal.SIGKILL)
        running.wait()
        running.stdout.close()
        file = file_of(collection, shelf)
        if file.exists():
            state = Shelf(file)
            state.read(Meta(collection.uid, "hashing-64", 64, collection.change))
            change, ids, _ = state.load()
            expected = [c.id for c in collection.changes(0) if c.number <= change]
            assert ids == sorted(expected)
    assert killed, "every process had ended before it was killed"
    shelf.sync(collection)
    assert set(found(shelf)[0]) == {item.id for item in collection.items()}


def test_two_processes_may_index_at_the_same_time(
    collection: Collection, fill: Fill, shelf: ShelfRetriever
) -> None:
    fill(collection, range(120))
    for one in [child(collection) for _ in range(2)]:
        told, _ = one.communicate(timeout=120)
        assert told == "open\n120\n"
    assert shelf.sync(collection) == 0
    assert {len(hits) for hits in found(shelf)} == {120}
