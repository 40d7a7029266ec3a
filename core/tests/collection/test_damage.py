"""Bits that flip in a catalogue, or in its log, are noticed: there is never a wrong answer."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagerag.collection import Collection
from imagerag.collection.marks import PurgeMarks
from imagerag.errors import CollectionError
from imagerag.registry import Registry
from imagerag.roles import Found

Make = Callable[..., Found]


def fill(made: Collection, found: Make) -> list[str]:
    made.add((found(n, caption=f"picture {n}", tags=("t",)) for n in range(40)), isolated=False)
    made.add((found(n) for n in range(40, 50)), private=True, isolated=False)
    ids = [item.id for item in made.items()]
    made.put_vectors("space", ids, np.random.default_rng(1).normal(size=(50, 8)))
    made.purge(ids[:3], registry=Registry([]))
    made.remove(ids[3:6])
    return ids


def answers(folder: Path, ids: list[str]) -> dict[str, Any]:
    """Ask everything that can be asked, changes by themselves: others have more looked at."""
    found: dict[str, Any] = {}
    for since in (0, 30):
        with Collection.open(folder) as opened:
            found[f"changes after {since}"] = list(opened.changes(since))
    with Collection.open(folder) as opened:
        found |= {
            "own": (opened.name, opened.uid, opened.change, len(opened)),
            "items": list(opened.items()),
            "private": list(opened.items(private=True)),
            "lookup": opened.lookup(ids),
            "one by one": {one: opened.lookup([one]) for one in ids},
            "has": [opened.has(one) for one in (*ids, "0" * 64)],
            "changes": list(opened.changes(0)),
            "removed": list(opened.removed()),
            "matching": [opened.matching(one[:6]) for one in ids],
            "files": [opened.file(one).name for one in ids[6:]],
            "purged": PurgeMarks(opened._catalogue).of(ids).keys(),
        }
        PurgeMarks(opened._catalogue).verify()
        stats = opened.stats()
        found["stats"] = (stats.items, stats.private, stats.removed, stats.bytes, stats.licences)
        found["vectors"] = {k: v.tolist() for k, v in opened.vectors("space", ids).items()}
        return found


def judge(folder: Path, ids: list[str], truth: dict[str, Any]) -> str:
    """Return what became of a flip: "noticed", or "harmless" where every answer is right."""
    try:
        given = answers(folder, ids)
    except CollectionError:
        return "noticed"
    vectors, kept = given.pop("vectors"), truth["vectors"]
    assert given == {key: value for key, value in truth.items() if key != "vectors"}
    # A damaged embedding counts as absent, and is computed again.
    assert all(kept[one] == vector for one, vector in vectors.items())
    return "harmless" if vectors.keys() == kept.keys() else "noticed"


def flip(folder: Path, name: str, good: bytes, bit: int) -> None:
    data = bytearray(good)
    data[bit // 8] ^= 1 << bit % 8
    (folder / name).write_bytes(data)


@pytest.mark.parametrize("flips", [60, pytest.param(1_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", ["catalogue.sqlite", "catalogue.sqlite-wal"])
def test_no_flipped_bit_gives_a_wrong_answer(
    tmp_path: Path, found: Make, name: str, flips: int
) -> None:
    folder, copy = tmp_path / "c", tmp_path / "copy"
    made = Collection.create(folder)
    ids = fill(made, found)
    if not name.endswith("-wal"):
        made.close()
    # With a log, as a process that was killed leaves it.
    keep = [path for path in folder.iterdir() if path.is_file() and "-shm" not in path.name]
    copy.mkdir()
    for path in keep:
        shutil.copy(path, copy)
    made.close()
    truth = answers_of_copy(copy, keep, tmp_path / "truth", ids)
    good = {path.name: (copy / path.name).read_bytes() for path in keep}
    assert len(good[name]) > 4096
    chance = random.Random(flips)
    became: dict[str, int] = {}
    for _ in range(flips):
        for path in copy.iterdir():
            if path.is_file():
                path.unlink()
        for other, data in good.items():
            (copy / other).write_bytes(data)
        flip(copy, name, good[name], chance.randrange(8 * len(good[name])))
        what = judge(copy, ids, truth)
        became[what] = became.get(what, 0) + 1
    print(f"{flips} flips in {name}: {became}, 0 wrong answers")
    assert became["noticed"] > 0


def answers_of_copy(copy: Path, keep: list[Path], other: Path, ids: list[str]) -> dict[str, Any]:
    other.mkdir()
    for path in keep:
        shutil.copy(copy / path.name, other)
    return answers(other, ids)


def test_catching_up_with_changes_does_not_compare_everything(tmp_path: Path, found: Make) -> None:
    """That takes over a second where there are 350,000 items, in each process that searches."""
    with Collection.create(tmp_path / "c") as made:
        fill(made, found)
    with Collection.open(tmp_path / "c") as opened:
        ran: list[str] = []
        opened._catalogue._open().set_trace_callback(ran.append)
        assert len(list(opened.changes(30))) > 10
        assert not [one for one in ran if "integrity_check" in one]
        compared = [one for one in ran if "NOT INDEXED" in one]
        assert len(compared) == 1
        list(opened.changes(35))
        assert [one for one in ran if "NOT INDEXED" in one] == compared, "once was enough"
        list(opened.changes(0))
        assert len([one for one in ran if "NOT INDEXED" in one]) == 2


def test_a_change_that_its_index_does_not_have_is_noticed(tmp_path: Path, found: Make) -> None:
    folder = tmp_path / "c"
    with Collection.create(folder) as made:
        fill(made, found)
        rows = made._catalogue.rows
        [(page,)] = rows(
            "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_items_2'"
        )
        [(size,)] = rows("PRAGMA page_size")
        rows("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray((folder / "catalogue.sqlite").read_bytes())
    at = (page - 1) * size
    assert data[at] == 10, "all entries of the index fit into this one page, a leaf"
    data[at + 3 : at + 5] = (int.from_bytes(data[at + 3 : at + 5], "big") - 1).to_bytes(2, "big")
    (folder / "catalogue.sqlite").write_bytes(data)
    with Collection.open(folder) as opened, pytest.raises(CollectionError, match="damaged"):
        list(opened.changes(30))
