"""A process that adds, indexes, removes and purges is killed at random moments, again and again.

What it acknowledged is there, nothing is there twice, and nothing is left that belongs to nobody.
"""

import hashlib
import os
import random
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from imagerag import Query
from imagerag.collection import Collection
from imagerag.roles import Context
from imagerag_bm25.config import Bm25RetrieverConfig
from imagerag_bm25.retriever import Bm25Retriever

UNIVERSE = 300
WORKER = Path(__file__).with_name("collection_worker.py")


@pytest.fixture(scope="module")
def ids() -> list[str]:
    worker = runpy.run_path(str(WORKER))
    return [hashlib.sha256(worker["picture"](number)).hexdigest() for number in range(UNIVERSE)]


class Workers:
    """A process that has everything imported, and of which workers are forked: real processes."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        self.log.touch()
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), str(folder / "c"), str(self.log), str(UNIVERSE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")},
        )

    def killed(self, seed: int, steps: int, seconds: float) -> list[str]:
        """Let a worker do some steps and a while more, kill it, and return what it logged."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.log.write_text("")
        self.process.stdin.write(f"{seed}\n")
        self.process.stdin.flush()
        pid = int(self.process.stdout.readline())
        # In steps rather than seconds, so that a busy machine gets as far.
        while self.log.read_text().count("begin") <= steps:
            time.sleep(0.001)
        time.sleep(seconds)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        assert self.process.stdout.readline() == "ended\n"
        return self.log.read_text().splitlines()

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    Collection.create(tmp_path / "c").close()
    made = Workers(tmp_path)
    yield made
    made.close()


AFTER = {"add": "present", "remove": "hidden", "purge": "purged"}


def follow(states: dict[int, str], lines: list[str]) -> tuple[set[int], str, str]:
    """Apply what was acknowledged; return what was under way, as (items, from which op)."""
    under_way: set[int] = set()
    operation = ""
    for line in lines:
        word, what, *numbers = line.split()
        if word == "begin":
            operation, under_way = what, {int(one) for one in numbers}
            continue
        assert (word, what) == ("ack", operation)
        for one in under_way:
            states[one] = after(operation, states[one])
        under_way = set()
    return under_way, operation, lines[-1]


def after(operation: str, state: str) -> str:
    """Return the state of an item after an operation."""
    if operation == "sync" or state == "purged":
        return state
    if state == "absent" and operation != "add":
        return state
    return AFTER[operation]


def check(
    folder: Path, states: dict[int, str], under_way: set[int], op: str, ids: list[str]
) -> float:
    """Assert that the collection is in a state that its history allows; note which one."""
    started = time.perf_counter()
    with Collection.open(folder) as opened:
        seconds = time.perf_counter() - started
        living = [item.id for item in opened.items()]
        assert len(set(living)) == len(living) == len(opened)
        hidden = set(opened.removed())
        for number, one in enumerate(ids):
            here = {"present"} if one in set(living) else {"hidden"}
            if one not in set(living) | hidden:
                here = {"absent", "purged"}
            allowed = {states[number]}
            if number in under_way:
                allowed.add(after(op, states[number]))
            assert allowed & here, (number, here, allowed, op)
            states[number] = min(allowed & here)
        for one in living:
            assert hashlib.sha256(opened.file(one).read_bytes()).hexdigest() == one
        # The next writer takes back what a killed one had placed.
        opened.add([], isolated=False)
        with opened._catalogue.writing():
            opened._files.settle(lambda one: one in set(living) | hidden)
        files = {path.stem for path in (folder / "images").rglob("*") if path.is_file()}
        assert files == set(living) | hidden
        incoming = folder / "incoming"
        assert not incoming.is_dir() or list(incoming.iterdir()) == []
        assert not [path for path in folder.rglob("*.part") if "indexes" not in path.parts]
        purged = [number for number, state in states.items() if state == "purged"]
        if purged:
            forgotten(folder, purged, ids)
        search(opened, set(living))
    return seconds


def forgotten(folder: Path, purged: list[int], ids: list[str]) -> None:
    """Search every byte of the folder for items that were purged."""
    data = b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    names = "\n".join(str(path) for path in folder.rglob("*"))
    for number in purged:
        one = ids[number]
        assert one not in names
        for trace in (one.encode(), bytes.fromhex(one), f"word{number}of".encode()):
            assert trace not in data, (number, trace)


def search(opened: Collection, living: set[str]) -> None:
    """Assert that an index that went through it all finds exactly what is there."""
    context = Context(component=lambda role: None, cache_dir=opened.path)
    retriever = Bm25Retriever(Bm25RetrieverConfig(), context)
    retriever.sync(opened)
    found = [hit.item.id for hit in retriever.search([Query("common")], UNIVERSE)[0]]
    assert len(found) == len(living)
    assert set(found) == living
    retriever.close()


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.long)])
def test_nothing_acknowledged_is_lost_and_nothing_is_doubled(
    workers: Workers, tmp_path: Path, ids: list[str], kills: int
) -> None:
    chance = random.Random(kills)
    states = dict.fromkeys(range(UNIVERSE), "absent")
    hit: dict[str, int] = {}
    slowest = 0.0
    for round_ in range(kills):
        lines = workers.killed(
            1_000 * kills + round_, chance.randrange(12), chance.uniform(0.0, 0.03)
        )
        under_way, operation, last = follow(states, lines)
        where = operation if last.startswith("begin") else "between"
        hit[where] = hit.get(where, 0) + 1
        slowest = max(slowest, check(tmp_path / "c", states, under_way, operation, ids))
    counts = {state: list(states.values()).count(state) for state in set(states.values())}
    print(f"{kills} kills, during {hit}; reopened in {slowest:.3f} s at most; items {counts}")
    assert counts.get("purged", 0) > 0
    assert slowest < 2.0
