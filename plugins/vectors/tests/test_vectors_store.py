"""Rows on disk: what was committed is there, opening reads nothing, and damage is noticed."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagerag_vectors import DamagedIndexError, Manifest, VectorStore
from imagerag_vectors.files import tidy
from imagerag_vectors.purge import purge_indexes

DIM = 12


def identity(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def vector(number: int) -> Any:
    row = np.random.default_rng(number).normal(size=DIM)
    return (row / np.linalg.norm(row)).astype(np.float32)


def empty(folder: Path) -> VectorStore:
    folder.mkdir(parents=True, exist_ok=True)
    return VectorStore(folder, Manifest("space", DIM, "f16", "collection"))


def add(store: VectorStore, numbers: Sequence[int]) -> None:
    store.append([identity(n) for n in numbers], np.stack([vector(n) for n in numbers]))


def reopened(store: VectorStore) -> VectorStore:
    manifest = Manifest.read(store.folder)
    assert manifest is not None
    return VectorStore.load(store.folder, manifest)


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.integers(1, 40)),
            st.tuples(st.just("bury"), st.integers(0, 10_000)),
            st.tuples(st.just("commit"), st.booleans()),
        ),
        max_size=25,
    )
)
def test_committed_rows_are_there_through_any_changes(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, Any]]
) -> None:
    store = empty(tmp_path_factory.mktemp("index"))
    expected: dict[str, int] = {}
    added = 0
    for kind, value in [*steps, ("commit", False), ("commit", True)]:
        if kind == "add":
            numbers = range(added, added + value)
            add(store, numbers)
            expected |= {identity(n): n for n in numbers}
            added += value
        elif kind == "bury" and expected:
            gone = sorted(expected)[value % len(expected)]
            store.bury(store.living()[gone])
            del expected[gone]
        elif kind == "commit":
            store.compact(all_dead=value)
            store.commit(added)
            store.tidy()
            store = reopened(store)
            rows = store.living()
            assert set(rows) == set(expected)
            vectors, ids = store.take(np.array(list(rows.values()), dtype=np.int64))
            assert [one.tobytes().hex() for one in ids] == list(rows)
            wanted = [vector(expected[one]).astype(np.float16) for one in rows]
            assert np.array_equal(vectors, np.array(wanted).reshape(-1, DIM))
            store.check_all()
    assert not store.dead.any()


def made(folder: Path, count: int) -> VectorStore:
    store = empty(folder)
    for start in range(0, count, count // 3):
        add(store, range(start, min(start + count // 3, count)))
    for row in range(0, count, 9):
        store.bury(row)
    store.commit(count)
    return store


def test_any_flipped_bit_is_noticed_when_rows_are_read(tmp_path: Path) -> None:
    store = made(tmp_path, 90)
    files = sorted(tmp_path.iterdir())
    assert {path.name.partition("-")[0] for path in files} == {
        *("rows", "ids", "sums", "dead", "manifest.json")
    }
    random = np.random.default_rng(0)
    sizes = np.array([path.stat().st_size for path in files])
    everything = np.arange(store.rows)
    for number in range(1_000):
        path = files[random.choice(len(files), p=sizes / sizes.sum())]
        data = path.read_bytes()
        broken = bytearray(data)
        broken[random.integers(len(data))] ^= 1 << int(random.integers(8))
        path.write_bytes(bytes(broken))
        with pytest.raises(DamagedIndexError):
            if number % 2:
                reopened(store).check_all()
            else:
                reopened(store).take(everything)
        path.write_bytes(data)
    reopened(store).check_all()


def test_opening_reads_no_rows(tmp_path: Path) -> None:
    store = made(tmp_path, 90)
    path = next(tmp_path.glob("rows-*"))
    path.write_bytes(bytes(path.stat().st_size))
    opened = reopened(store)
    number = [one.vectors.name for one in opened.manifest.segments].index(path.name)
    others = np.flatnonzero(np.arange(90) // 30 != number)
    opened.take(others)
    with pytest.raises(DamagedIndexError, match="rows-"):
        opened.take(np.arange(90))


def test_a_missing_or_cut_file_is_noticed_at_once(tmp_path: Path) -> None:
    store = made(tmp_path, 30)
    for path in sorted(tmp_path.glob("[rids]*-*")):
        data = path.read_bytes()
        path.write_bytes(data[:-1])
        with pytest.raises(DamagedIndexError, match="another size"):
            reopened(store)
        path.unlink()
        with pytest.raises(DamagedIndexError, match="No such file"):
            reopened(store)
        path.write_bytes(data)


def test_purge_leaves_no_byte_of_ids_and_vectors(tmp_path: Path) -> None:
    folder = tmp_path / "indexes" / "mine-1"
    store = made(folder, 90)
    gone = {identity(n) for n in (0, 1, 44, 89)}  # 0 is dead already
    stray = folder / "rows-0000000000000000.f16.part"
    stray.write_bytes(vector(44).astype(np.float16).tobytes())
    assert purge_indexes(tmp_path, "mine", gone) == {"mine-1"}
    assert purge_indexes(tmp_path, "other", gone) == set()
    left = b"".join(path.read_bytes() for path in folder.iterdir())
    for number in (0, 1, 44, 89):
        assert bytes.fromhex(identity(number)) not in left
        assert vector(number).astype(np.float16).tobytes() not in left
    assert bytes.fromhex(identity(43)) in left
    rows = reopened(store).living()
    assert len(rows) == 80 - 3
    assert not gone & set(rows)


def test_purge_deletes_an_index_that_it_cannot_read(tmp_path: Path) -> None:
    folder = tmp_path / "indexes" / "mine-1"
    made(folder, 30)
    (folder / "manifest.json").write_text("{}")
    assert purge_indexes(tmp_path, "mine", {identity(1)}) == {"mine-1"}
    assert [path.name for path in folder.iterdir()] == ["lock.sqlite"]


def test_tidying_keeps_what_is_named(tmp_path: Path) -> None:
    for name in ("a", "b", "lock.sqlite"):
        (tmp_path / name).write_text("x")
    tidy(tmp_path, {"a"})
    assert {path.name for path in tmp_path.iterdir()} == {"a", "lock.sqlite"}
