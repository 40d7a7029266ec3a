"""The index follows the collection: by change number, at no needless cost, through any damage."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagerag.collection import Collection
from imagerag.errors import CapabilityError, SpaceMismatchError
from imagerag.values import Query
from imagerag_vectors import index_folder

ASK = [Query(text="one"), Query(text="two")]


def ids(found: Any) -> list[list[str]]:
    return [[hit.item.id for hit in hits] for hits in found]


@pytest.fixture(params=["exact", "coded", "hnsw"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_only_changes_are_applied_and_nothing_is_encoded_twice(
    collection: Collection,
    fill: Callable[..., None],
    retrieve: Callable[..., Any],
    encoder: Any,
    kind: str,
) -> None:
    fill(collection, range(10))
    first = retrieve(encoder, kind=kind, batch_size=3)
    assert first.sync(collection) == 10
    assert first.sync(collection) == 0
    fill(collection, range(12))
    assert first.sync(collection) == 2
    assert encoder.encoded == 12
    # Another process, another kind of vectors: still nothing is encoded again.
    second = retrieve(encoder, dtype="f32")
    assert second.sync(collection) == 12
    assert encoder.encoded == 12
    assert ids(first.search(ASK, 12)) == ids(second.search(ASK, 12))


def test_a_removed_item_is_never_returned(
    collection: Collection,
    fill: Callable[..., None],
    retrieve: Callable[..., Any],
    encoder: Any,
    kind: str,
) -> None:
    fill(collection, range(40))
    retriever = retrieve(encoder, kind=kind)
    retriever.sync(collection)
    while len(collection):
        best = retriever.search(ASK, 1)[0][0].item.id
        collection.remove([best])
        # Hidden at once, even before the next sync.
        for hits in ids(retriever.search(ASK, 40)):
            assert best not in hits
            assert len(hits) == len(collection)
        assert retriever.sync(collection) == 1
    assert retriever.search(ASK, 40) == [[], []]
    fill(collection, range(3))
    assert retriever.sync(collection) == 3
    assert [len(hits) for hits in retriever.search(ASK, 40)] == [3, 3]
    assert encoder.encoded == 40


def test_an_item_that_came_back_is_found_once(
    collection: Collection,
    fill: Callable[..., None],
    retrieve: Callable[..., Any],
    encoder: Any,
    kind: str,
) -> None:
    fill(collection, range(20))
    retriever = retrieve(encoder, kind=kind)
    retriever.sync(collection)
    expected = retriever.search(ASK, 20)
    # Few enough that their dead rows stay in the index.
    back = [hit.item.id for hit in expected[0][:3]]
    collection.remove(back)
    retriever.sync(collection)
    fill(collection, range(20))
    retriever.sync(collection)
    assert ids(retriever.search(ASK, 40)) == ids(expected)


def test_a_changed_caption_shows_at_once_and_encodes_nothing(
    collection: Collection, fill: Callable[..., None], retrieve: Callable[..., Any], encoder: Any
) -> None:
    from imagerag.roles import Found

    fill(collection, range(3))
    retriever = retrieve(encoder)
    retriever.sync(collection)
    item = next(collection.items())
    collection.add([Found("x", data=collection.file(item.id).read_bytes(), caption="new")])
    hits = retriever.search(ASK, 3)[0]
    assert "new" in {hit.item.caption for hit in hits}
    assert retriever.sync(collection) == 1
    assert encoder.encoded == 3


def test_broken_images_are_skipped_and_named(
    collection: Collection,
    fill: Callable[..., None],
    retrieve: Callable[..., Any],
    encoder: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fill(collection, range(5))
    broken, lost = [item.id for item in collection.items()][1:3]
    collection.file(broken).write_bytes(b"broken")
    collection.file(lost).unlink()
    retriever = retrieve(encoder)
    assert retriever.sync(collection) == 5
    assert {identity for identity, _ in retriever.skipped} == {broken, lost}
    assert "was changed" in dict(retriever.skipped)[broken]
    assert broken[:12] in caplog.text
    assert len(retriever.search(ASK, 5)[0]) == 3
    assert retriever.sync(collection) == 0
    # Mended by removing and adding again.
    collection.remove([broken, lost])
    fill(collection, range(5))
    assert retriever.sync(collection) == 2
    assert retriever.skipped == ()
    assert len(retriever.search(ASK, 5)[0]) == 5


def test_each_space_has_an_index_of_its_own_and_refuses_another(
    collection: Collection,
    fill: Callable[..., None],
    retrieve: Callable[..., Any],
    encoder_class: Any,
) -> None:
    fill(collection, range(4))
    spaces = [encoder_class("space a"), encoder_class("space b")]
    for one in spaces:
        assert retrieve(one).sync(collection) == 4
    folders = [index_folder(collection.path, "usearch", one.space) for one in spaces]
    assert len(set(folders)) == 2
    assert [one.encoded for one in spaces] == [4, 4]
    # A folder that was copied over another's place is noticed.
    for path in folders[1].iterdir():
        path.unlink()
    for path in folders[0].iterdir():
        (folders[1] / path.name).write_bytes(path.read_bytes())
    with pytest.raises(SpaceMismatchError, match=r"'space a'.*'space b'.*imagerag index"):
        retrieve(spaces[1]).sync(collection)
    with pytest.raises(SpaceMismatchError, match="12 dimensions"):
        retrieve(encoder_class("space a", dim=6)).sync(collection)


def test_one_retriever_can_change_its_collection(
    tmp_path: Path, fill: Callable[..., None], retrieve: Callable[..., Any], encoder: Any
) -> None:
    retriever = retrieve(encoder)
    with Collection.create(tmp_path / "a") as a, Collection.create(tmp_path / "b") as b:
        fill(a, range(3))
        fill(b, range(3, 9))
        for one, count in ((a, 3), (b, 6), (a, 0)):
            assert retriever.sync(one) == count
            assert len(retriever.search(ASK, 20)[0]) == len(one)
        retriever.close()
        retriever.close()


def test_an_index_of_another_collection_is_built_anew(
    tmp_path: Path, fill: Callable[..., None], retrieve: Callable[..., Any], encoder: Any
) -> None:
    with Collection.create(tmp_path / "a") as a, Collection.create(tmp_path / "b") as b:
        fill(a, range(5))
        fill(b, range(5, 8))
        retrieve(encoder).sync(a)
        (tmp_path / "a" / "indexes").rename(tmp_path / "b" / "indexes")
        retriever = retrieve(encoder)
        assert retriever.sync(b) == 3
        assert len(retriever.search(ASK, 9)[0]) == 3


def damage_truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def damage_flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(bytes(data))


def damage_lose(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [damage_truncate, damage_flip, damage_lose])
@pytest.mark.parametrize(
    "pattern", ["rows-*", "ids-*", "sums-*", "dead-*", "graph-*", "manifest.json"]
)
def test_a_damaged_file_is_noticed_and_the_index_built_from_kept_embeddings(
    collection: Collection,
    plant: Callable[..., list[str]],
    retrieve: Callable[..., Any],
    encoder: Any,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
    pattern: str,
) -> None:
    ids = plant(collection, random_units(200))
    before = retrieve(encoder, kind="hnsw")
    before.sync(collection)
    collection.remove([ids[0]])
    before.sync(collection)
    expected = before.search(ASK, 4)
    before.close()
    damage(next(index_folder(collection.path, "usearch", encoder.space).glob(pattern)))
    after = retrieve(encoder, kind="hnsw")
    after.sync(collection)
    assert after.search(ASK, 4) == expected
    lost_manifest = pattern == "manifest.json" and damage is damage_lose
    unread = pattern in ("rows-*", "ids-*", "sums-*") and damage is damage_flip
    assert unread or ("damaged" in caplog.text) != lost_manifest
    # What the graph let nobody read is found when all is read.
    caplog.clear()
    assert len(after.search(ASK, 199)[0]) == 199
    assert not caplog.text or unread


def random_units(count: int) -> Any:
    rows = np.random.default_rng(count).normal(size=(count, 12)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def flip_bits(
    flips: int, collection: Collection, retrieve: Callable[..., Any], encoder: Any, kind: str
) -> int:
    """Flip a bit of an index's files, ask, and so on; return how many flips were noticed."""
    first = retrieve(encoder, kind=kind)
    first.sync(collection)
    expected = first.search(ASK, 5)
    everything = first.search(ASK, 400)
    random = np.random.default_rng(0)
    folder = index_folder(collection.path, "usearch", encoder.space)
    noticed = 0
    for _ in range(flips):
        before = (folder / "manifest.json").read_bytes()
        files = [path for path in sorted(folder.iterdir()) if path.name != "lock.sqlite"]
        sizes = np.array([path.stat().st_size for path in files])
        path = files[random.choice(len(files), p=sizes / sizes.sum())]
        data = bytearray(path.read_bytes())
        data[random.integers(len(data))] ^= 1 << int(random.integers(8))
        path.write_bytes(bytes(data))
        again = retrieve(encoder, kind=kind)
        again.sync(collection)
        assert again.search(ASK, 5) == expected, path
        # Reads every row, and so meets what the first search may have had no need of.
        assert again.search(ASK, 400) == everything, path
        after = (folder / "manifest.json").read_bytes()
        noticed += after != before
    return noticed


@pytest.mark.parametrize("flips", [60, pytest.param(1_000, marks=pytest.mark.long)])
def test_any_flipped_bit_of_an_index_is_noticed_and_never_gives_a_wrong_answer(
    collection: Collection,
    plant: Callable[..., list[str]],
    retrieve: Callable[..., Any],
    encoder: Any,
    kind: str,
    flips: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    ids = plant(collection, random_units(400))
    retrieve(encoder, kind=kind).sync(collection)
    collection.remove(ids[::10])
    assert flip_bits(flips, collection, retrieve, encoder, kind) == flips


def test_files_of_former_states_are_deleted(
    collection: Collection, fill: Callable[..., None], retrieve: Callable[..., Any], encoder: Any
) -> None:
    fill(collection, range(30))
    retriever = retrieve(encoder, kind="hnsw")
    retriever.sync(collection)
    collection.remove([item.id for item in collection.items()][:20])
    retriever.sync(collection)
    folder = index_folder(collection.path, "usearch", encoder.space)
    body = json.loads((folder / "manifest.json").read_text())["index"]
    named = [one[part]["name"] for one in body["segments"] for part in ("vectors", "ids", "sums")]
    named.append(body["code"]["files"][0]["name"])
    assert sum(one["rows"] for one in body["segments"]) == 10
    assert {path.name for path in folder.iterdir()} == {*named, "manifest.json", "lock.sqlite"}


def test_large_collections_are_indexed_in_blocks(
    collection: Collection,
    fill: Callable[..., None],
    retrieve: Callable[..., Any],
    encoder: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("imagerag_vectors.sync.BLOCK", 7)
    monkeypatch.setattr("imagerag_vectors.store.BLOCK", 7)
    fill(collection, range(40))
    retriever = retrieve(encoder)
    assert retriever.sync(collection) == 40
    assert {item.id for item in collection.items()} == set(ids(retriever.search(ASK, 99))[0])


def test_wrong_vectors_of_an_encoder_are_refused(
    collection: Collection, fill: Callable[..., None], retrieve: Callable[..., Any], encoder: Any
) -> None:
    fill(collection, range(3))
    for wrong in (np.ones((3, 12)), np.full((3, 12), np.nan), np.eye(3, 11)):
        encoder.encode_images = lambda images, wrong=wrong: wrong.astype(np.float32)
        with pytest.raises(CapabilityError, match="PixelEncoder"):
            retrieve(encoder).sync(collection)
    assert collection.vectors(encoder.space, [item.id for item in collection.items()]) == {}


CHILD = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("doubles", sys.argv[1])
doubles = importlib.util.module_from_spec(spec); spec.loader.exec_module(doubles)
from imagerag.collection import Collection
from imagerag.roles import Context
from imagerag.values import Query
from imagerag_usearch import retriever
from imagerag_vectors import store, sync
from imagerag_usearch.config import UsearchConfig
store.BLOCK = sync.BLOCK = 16
encoder = doubles.PixelEncoder()
one = retriever.UsearchRetriever(
    UsearchConfig(threads=1, batch_size=4),
    Context(component=lambda role: encoder, cache_dir=Path()),
)
with Collection.open(sys.argv[2]) as opened:
    print("open", flush=True)
    one.sync(opened)
    print(len(one.search([Query(text="x")], 10_000)[0]), flush=True)
"""


def child(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(Path(__file__).with_name("conftest.py")), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_a_killed_sync_costs_nothing_but_time(
    collection: Collection, fill: Callable[..., None], retrieve: Callable[..., Any], encoder: Any
) -> None:
    fill(collection, range(200))
    for pause in (0.05, 0.15, 0.25, 0.4):
        running = child(collection.path)
        assert running.stdout is not None
        assert running.stdout.readline() == "open\n"
        time.sleep(pause)
        running.send_signal(signal.SIGKILL)
        running.wait()
        running.stdout.close()
    retriever = retrieve(encoder)
    retriever.sync(collection)
    assert set(ids(retriever.search(ASK, 999))[0]) == {item.id for item in collection.items()}
    assert not list((collection.path / "indexes").rglob("*.part"))


def test_two_processes_sync_one_index(
    collection: Collection, fill: Callable[..., None], retrieve: Callable[..., Any], encoder: Any
) -> None:
    fill(collection, range(120))
    running = [child(collection.path) for _ in range(2)]
    for one in running:
        out, _ = one.communicate(timeout=120)
        assert out == "open\n120\n"
    assert retrieve(encoder).sync(collection) == 0
    assert encoder.encoded == 0
