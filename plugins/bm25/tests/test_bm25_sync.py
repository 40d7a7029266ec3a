"""The index follows the collection: by change number, at no needless cost, through any damage."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagerag.cli.index import index
from imagerag.collection import Collection
from imagerag.errors import CollectionError
from imagerag.registry import Registry
from imagerag.values import Query
from imagerag_bm25 import index as index_module
from imagerag_bm25 import manifest, store
from imagerag_bm25.config import Bm25RerankerConfig, Bm25RetrieverConfig
from imagerag_bm25.index import index_folder
from imagerag_bm25.words import Words

ASK = [Query(text=text) for text in ("red kite", "a green owl", "boat boat red", "number 7")]


def answers(retriever: Any) -> list[list[tuple[float, str]]]:
    return [[(hit.score, hit.item.id) for hit in hits] for hits in retriever.search(ASK, 10_000)]


def folder_of(collection: Collection) -> Path:
    return index_folder(collection.path, Bm25RetrieverConfig())


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks and segments so small that a few captions go through every kind of merging."""
    monkeypatch.setattr(index_module, "BLOCK", 5)
    monkeypatch.setattr(store, "SMALL", 2)


word = st.sampled_from(["red", "green", "kite", "owl", "boat", "number", "7"])
caption = st.lists(word, min_size=1, max_size=6).map(" ".join)
step = st.one_of(
    st.tuples(st.just("put"), st.dictionaries(st.integers(0, 15), caption, min_size=1)),
    st.tuples(st.just("remove"), st.sets(st.integers(0, 15), max_size=6)),
    st.tuples(st.just("sync"), st.none()),
    st.tuples(st.just("reopen"), st.none()),
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(step, max_size=14))
def test_any_order_of_changes_gives_what_a_rebuild_gives(
    tmp_path_factory: pytest.TempPathFactory,
    small_parts: None,
    put: Any,
    identity: Callable[[int], str],
    retrieve: Any,
    naive: Any,
    steps: list[tuple[str, Any]],
) -> None:
    with Collection.create(tmp_path_factory.mktemp("pool") / "c") as collection:
        retriever = retrieve()
        known: dict[int, str] = {}
        for action, what in steps:
            if action == "put":
                put(collection, what)
                known |= {n: identity(n) for n in what}
            elif action == "remove":
                collection.remove([known[n] for n in what if n in known])
            elif action == "sync":
                retriever.sync(collection)
            else:
                retriever.close()
                retriever = retrieve()
        retriever.sync(collection)
        found = answers(retriever)
        shutil.rmtree(collection.path / "indexes")
        rebuilt = retrieve()
        rebuilt.sync(collection)
        assert found == answers(rebuilt)
        reference = naive(
            {item.id: item.caption for item in collection.items()}, Words("english", "english")
        )
        assert found == [reference.search(query.text, 10_000) for query in ASK]


def test_only_changes_are_applied(collection: Collection, put: Any, retrieve: Any) -> None:
    put(collection, [f"red kite number {n}" for n in range(10)])
    first = retrieve()
    assert first.sync(collection) == 10
    assert first.sync(collection) == 0
    put(collection, {n: f"red kite number {n}" for n in range(12)})
    assert first.sync(collection) == 2
    put(collection, {3: "a green owl"})
    assert first.sync(collection) == 1
    assert retrieve().sync(collection) == 0
    assert [len(found) for found in answers(first)] == [11, 1, 11, 11]


def test_a_changed_caption_is_found_by_its_new_words_alone(
    collection: Collection, put: Any, retrieve: Any
) -> None:
    put(collection, ["red kite", "boat"])
    retriever = retrieve()
    retriever.sync(collection)
    put(collection, {0: "green owl"})
    retriever.sync(collection)
    assert [len(found) for found in answers(retriever)] == [0, 1, 1, 0]


def test_an_item_that_came_back_is_found_once(
    collection: Collection, put: Any, retrieve: Any
) -> None:
    put(collection, [f"red kite {n}" for n in range(9)])
    retriever = retrieve()
    retriever.sync(collection)
    expected = answers(retriever)
    collection.remove([identity for _, identity in expected[0][:2]])
    retriever.sync(collection)
    put(collection, [f"red kite {n}" for n in range(9)])
    retriever.sync(collection)
    assert answers(retriever) == expected


def test_segments_stay_few_and_old_files_go(
    collection: Collection, small_parts: None, put: Any, retrieve: Any
) -> None:
    retriever = retrieve()
    written = 0
    for number in range(40):
        put(collection, {number: f"red kite {number}"})
        retriever.sync(collection)
        sizes = [len(one) for one in retriever._index.synced.ranking.store.segments]
        assert sum(sizes) == number + 1
        assert len(sizes) <= 5
        written += sizes[-1]
        files = {path.name for path in folder_of(collection).iterdir()}
        assert len(files) == len(sizes) + 2  # and the manifest, and the lock
    assert written < 40 * 8, "a row is written anew a few times, not at every sync"


def test_rows_of_removed_captions_are_dropped_when_they_are_many(
    collection: Collection, put: Any, retrieve: Any
) -> None:
    put(collection, [f"red kite {n}" for n in range(40)])
    retriever = retrieve()
    retriever.sync(collection)
    ids = [item.id for item in collection.items()]
    for count, rows in ((10, 40), (11, 29), (40, 0)):
        collection.remove(ids[:count])
        retriever.sync(collection)
        assert retriever._index.synced.ranking.store.rows == rows
        assert len(answers(retriever)[0]) == 40 - count


def test_other_weights_need_no_other_index_but_other_words_do(
    collection: Collection, put: Any, retrieve: Any
) -> None:
    put(collection, ["two red kites", "red red red"], tags=("owl",))
    assert retrieve().sync(collection) == 2
    assert retrieve(k1=0.5, b=0.1).sync(collection) == 0
    for options in ({"stop_words": "none"}, {"stemmer": "none"}, {"tags": True}):
        assert retrieve(**options).sync(collection) == 2
        assert retrieve(**options).sync(collection) == 0
    assert len(list((collection.path / "indexes").iterdir())) == 4
    shared = Bm25RerankerConfig(captions="catalogue", k1=2.0)
    assert index_folder(collection.path, shared) == folder_of(collection)


def test_an_index_read_by_other_rules_is_built_anew(
    collection: Collection, put: Any, retrieve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(collection, ["red kite", "boat"])
    retrieve().sync(collection)
    monkeypatch.setattr("imagerag_bm25.words._VERSION", 2)
    assert retrieve().sync(collection) == 2
    assert retrieve().sync(collection) == 0


def test_one_retriever_can_change_its_collection(tmp_path: Path, put: Any, retrieve: Any) -> None:
    retriever = retrieve()
    with Collection.create(tmp_path / "a") as a, Collection.create(tmp_path / "b") as b:
        put(a, ["red"] * 3)
        put(b, ["red"] * 7)
        for one, count in ((a, 3), (b, 7), (a, 0)):
            assert retriever.sync(one) == count
            assert len(answers(retriever)[0]) == len(one)


def test_an_index_of_another_collection_is_built_anew(
    tmp_path: Path, put: Any, retrieve: Any
) -> None:
    with Collection.create(tmp_path / "a") as a, Collection.create(tmp_path / "b") as b:
        put(a, ["red"] * 5)
        put(b, {7: "red", 8: "red", 9: "red"})
        retrieve().sync(a)
        shutil.copytree(a.path / "indexes", b.path / "indexes")
        retriever = retrieve()
        assert retriever.sync(b) == 3
        assert len(answers(retriever)[0]) == 3


def damage_truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def damage_flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(bytes(data))


def damage_lose(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [damage_truncate, damage_flip, damage_lose])
@pytest.mark.parametrize("pattern", ["captions-*", "dead-*", "manifest.json"])
def test_a_damaged_file_is_noticed_and_the_index_built_anew(
    collection: Collection,
    put: Any,
    retrieve: Any,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
    pattern: str,
) -> None:
    put(collection, [f"red kite {n}" for n in range(20)])
    before = retrieve()
    before.sync(collection)
    collection.remove([next(collection.items()).id])
    before.sync(collection)
    expected = answers(before)
    before.close()
    damage(next(folder_of(collection).glob(pattern)))
    after = retrieve()
    after.sync(collection)
    assert answers(after) == expected
    lost_manifest = pattern == "manifest.json" and damage is damage_lose
    assert ("damaged" in caplog.text) != lost_manifest


@pytest.mark.parametrize("flips", [60, pytest.param(1_000, marks=pytest.mark.long)])
def test_any_flipped_bit_of_an_index_is_detected(
    collection: Collection,
    put: Any,
    retrieve: Any,
    caplog: pytest.LogCaptureFixture,
    flips: int,
) -> None:
    caplog.set_level(logging.ERROR)
    put(collection, [f"red kite number {n}" for n in range(30)])
    first = retrieve()
    first.sync(collection)
    collection.remove([next(collection.items()).id])
    first.sync(collection)
    expected = answers(first)
    random = np.random.default_rng(0)
    for _ in range(flips):
        files = [p for p in sorted(folder_of(collection).iterdir()) if p.name != "lock.sqlite"]
        path = files[random.integers(len(files))]
        data = bytearray(path.read_bytes())
        data[random.integers(len(data))] ^= 1 << int(random.integers(8))
        path.write_bytes(bytes(data))
        again = retrieve()
        again.sync(collection)
        assert answers(again) == expected


@pytest.mark.parametrize("fault", ["write", "fsync", "rename"])
def test_a_full_disk_leaves_the_old_index(
    collection: Collection,
    put: Any,
    retrieve: Any,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    put(collection, [f"red kite {n}" for n in range(6)])
    retriever = retrieve()
    retriever.sync(collection)
    before = answers(retriever)
    files = {path.name: path.read_bytes() for path in folder_of(collection).iterdir()}
    put(collection, {7: "red boat"})

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        if fault == "write":
            # Of this module alone: the catalogue seals its rows with the same function.
            patched.setattr(manifest, "zlib", SimpleNamespace(crc32=full))
        elif fault == "fsync":
            patched.setattr(manifest.os, "fsync", full)
        else:
            patched.setattr(Path, "replace", full)
        with pytest.raises(CollectionError, match=r"No space left.*imagerag index"):
            retriever.sync(collection)
    assert answers(retriever) == before
    now = {path.name: path.read_bytes() for path in folder_of(collection).iterdir()}
    assert now == files
    assert retriever.sync(collection) == 1
    assert len(answers(retriever)[0]) == 7


CHILD = """
import os, sys
from pathlib import Path
from imagerag.collection import Collection
from imagerag.roles import Context
from imagerag.values import Query
from imagerag_bm25 import index, store
from imagerag_bm25.config import Bm25RetrieverConfig
from imagerag_bm25.retriever import Bm25Retriever
index.BLOCK, store.SMALL = 8, 2
def sync():
    context = Context(component=lambda role: None, cache_dir=Path())
    one = Bm25Retriever(Bm25RetrieverConfig(), context)
    with Collection.open(sys.argv[1]) as opened:
        one.sync(opened)
        return len(one.search([Query(text="red")], 10_000)[0])
for line in sys.stdin:  # each line is answered by a process of its own
    child = os.fork()
    if not child:
        print(sync(), flush=True)
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


class Processes:
    """Starts processes that sync a collection, without waiting for imports each time."""

    def __init__(self, folder: Path) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def start(self) -> int:
        assert self._server.stdin is not None
        self._server.stdin.write("sync\n")
        self._server.stdin.flush()
        return int(self.line())

    def line(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline().strip()

    def end(self) -> None:
        self._server.communicate(timeout=60)


@pytest.fixture
def processes(collection: Collection) -> Iterator[Callable[[], Processes]]:
    started: list[Processes] = []

    def start() -> Processes:
        started.append(Processes(collection.path))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.long)])
def test_a_sync_killed_at_any_moment_costs_nothing_but_time(
    collection: Collection,
    put: Any,
    retrieve: Any,
    processes: Callable[[], Processes],
    kills: int,
) -> None:
    server = processes()
    random = np.random.default_rng(0)
    reached, killed = [0], 0
    put(collection, [f"red kite {n}" for n in range(100)])
    for number in range(kills):
        put(collection, {1_000 + 30 * number + n: f"red owl {number} {n}" for n in range(30)})
        collection.remove([next(collection.items()).id])
        process = server.start()
        time.sleep(random.uniform(0, 0.08))
        with suppress(ProcessLookupError):  # it may have ended
            os.kill(process, signal.SIGKILL)
        answer = server.line()
        if answer == "ended":
            killed += 1
        else:
            assert int(answer) == len(collection)
            assert server.line() == "ended"
        now = manifest.Manifest.read(folder_of(collection))
        reached.append(0 if now is None else now.change)
    assert killed > kills / 3
    assert reached == sorted(reached), "what was done once is not done again"
    retriever = retrieve()
    retriever.sync(collection)
    found = answers(retriever)
    assert {identity for _, identity in found[0]} == {item.id for item in collection.items()}
    named = manifest.Manifest.read(folder_of(collection))
    assert named is not None
    files = {path.name for path in folder_of(collection).iterdir()}
    assert files == named.files() | {"manifest.json", "lock.sqlite"}
    shutil.rmtree(collection.path / "indexes")
    rebuilt = retrieve()
    rebuilt.sync(collection)
    assert answers(rebuilt) == found


def test_two_processes_sync_one_index(
    collection: Collection, put: Any, retrieve: Any, processes: Callable[[], Processes]
) -> None:
    put(collection, [f"red kite {n}" for n in range(200)])
    servers = [processes(), processes()]
    for one in servers:
        one.start()
    for one in servers:
        assert (one.line(), one.line()) == ("200", "ended")
    assert retrieve().sync(collection) == 0


def test_a_process_sees_what_another_synced(
    collection: Collection, put: Any, retrieve: Any, processes: Callable[[], Processes]
) -> None:
    put(collection, ["red kite"] * 3)
    mine = retrieve()
    mine.sync(collection)
    put(collection, {9: "red kite"})
    other = processes()
    other.start()
    assert (other.line(), other.line()) == ("4", "ended")
    assert mine.sync(collection) == 0
    assert len(answers(mine)[0]) == 4


def test_index_on_the_command_line(
    tmp_path: Path, collection: Collection, put: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    import argparse

    put(collection, ["red kite"] * 5)
    file = tmp_path / "imagerag.toml"
    file.write_text(f'collection = "{collection.path}"\n[retriever]\nuse = "bm25"\n', "utf-8")
    parser = argparse.ArgumentParser(prog="imagerag index")
    index(parser)
    for applied in (5, 0):
        arguments = parser.parse_args(["--config", str(file), "--json"])
        arguments.registry = Registry()  # as `imagerag` itself hands it to every command
        assert arguments.run(arguments) == 0
        assert json.loads(capsys.readouterr().out)["applied"] == applied


def test_the_state_of_every_index_is_told(
    collection: Collection, put: Any, retrieve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(collection, ["red kite", "green owl", "boat"])
    retriever, tagged = retrieve(), retrieve(tags=True)
    assert retriever.info(collection) == {"bm25": "none yet, is built by the first search"}
    assert not (collection.path / "indexes").exists(), "asking makes nothing"
    retriever.sync(collection)
    [told] = retriever.info(collection).values()
    assert told == "3 captions in 1 part, 0.0 MB, up to date"
    collection.remove([next(collection.items()).id])
    assert retriever.info(collection)["bm25"].endswith(", 1 changes behind")
    monkeypatch.setattr(store, "SHARE", 1)  # or an index so small would be written anew
    retriever.sync(collection)
    assert "2 captions in 1 part" in retriever.info(collection)["bm25"]
    assert "1 removed ones still take room, up to date" in retriever.info(collection)["bm25"]
    tagged.sync(collection)
    both = tagged.info(collection)
    assert both.pop("bm25") == "2 captions in 1 part, 0.0 MB, up to date"
    [(key, _)] = both.items()
    assert key == f"bm25 with other options ({folder_of(collection).name})"
    (folder_of(collection) / "manifest.json").write_text("{}")
    assert retriever.info(collection)["bm25"].startswith("damaged, is built anew")


def test_an_index_that_was_copied_from_another_collection_is_told(
    collection: Collection, put: Any, retrieve: Any, tmp_path: Path
) -> None:
    put(collection, ["red kite"])
    retrieve().sync(collection)
    with Collection.create(tmp_path / "other") as other:
        put(other, ["red kite"])
        shutil.copytree(collection.path / "indexes", other.path / "indexes")
        [told] = retrieve().info(other).values()
        assert told == "of another collection or version, is built anew at the next use"
