"""Killed at any moment, out of space, or with two writers: before or after, never between."""

import errno
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from imagerag.collection import Collection, catalogue, ingest
from imagerag.errors import CollectionError
from imagerag.roles import Found

ADD = """
import io, sys
from PIL import Image
from imagerag.collection import Collection, ingest
from imagerag.roles import Found

ingest.BATCH_ITEMS = 8

def images(first, count):
    for n in range(first, first + count):
        buffer = io.BytesIO()
        Image.new("RGB", (6, 6), (n % 256, n // 256, 5)).save(buffer, "PNG")
        yield Found(str(n), data=buffer.getvalue(), caption=str(n))

with Collection.open(sys.argv[1]) as opened:
    print("open", flush=True)
    for start in range(int(sys.argv[2]), int(sys.argv[3]), 16):
        opened.add(images(start, 16))
        print(start + 16, flush=True)
"""


def start(folder: Path, first: int, last: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ADD, str(folder), str(first), str(last)],
        stdout=subprocess.PIPE,
        text=True,
    )


def check(folder: Path) -> int:
    """Assert that catalogue and files agree; return how many items there are."""
    with Collection.open(folder) as opened:
        items = list(opened.items())
        assert opened.change == len(items)
        for item in items:
            assert hashlib.sha256(opened.file(item.id).read_bytes()).hexdigest() == item.id
        return len(items)


def test_a_killed_writer_loses_nothing_that_it_reported(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    Collection.create(folder).close()
    chance = random.Random(7)
    done = 0
    for _ in range(6):
        child = start(folder, 0, 4000)
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        time.sleep(chance.uniform(0.0, 0.7))
        child.send_signal(signal.SIGKILL)
        told = [int(line) for line in child.stdout.read().splitlines()]
        child.wait()
        child.stdout.close()
        done = max([done, *told])
        assert check(folder) >= done
    with Collection.open(folder) as opened:
        one = next(opened.items())
        opened.add([Found("again", data=opened.file(one.id).read_bytes())])
        count = len(opened)
    files = [path for path in (folder / "images").rglob("*") if path.is_file()]
    assert len(files) == count
    assert list((folder / "incoming").iterdir()) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("after", [0, 1, 3, 6])
def test_a_failing_disk_leaves_the_state_before_or_after(
    collection: Collection,
    found: Callable[..., Found],
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    code: int,
    after: int,
) -> None:
    collection.add([found(n) for n in range(3)])
    real = getattr(os, call)
    calls = 0

    def failing(*args: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls > after:
            raise OSError(code, os.strerror(code))
        return real(*args, **options)

    monkeypatch.setattr(os, call, failing)
    try:
        collection.add([found(n) for n in range(3, 6)])
    except CollectionError as error:
        assert os.strerror(code) in str(error)
    monkeypatch.undo()
    files = [path for path in (collection.path / "images").rglob("*") if path.is_file()]
    assert len(collection) == len(files)
    assert len(collection) in {3, 6}
    assert list((collection.path / "incoming").iterdir()) == []
    assert collection.add([found(n) for n in range(6)]).accepted == 6


def test_two_processes_add_at_once_and_a_third_reads(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    Collection.create(folder).close()
    # The ranges overlap: the same images from two sides are still one item each.
    children = [start(folder, 0, 160), start(folder, 80, 240)]
    seen = [0]
    with Collection.open(folder) as reader:
        while any(child.poll() is None for child in children):
            items = list(reader.items())
            assert len({item.id for item in items}) == len(items)
            assert all(reader.file(item.id).is_file() for item in items)
            assert len(items) >= seen[-1]
            seen.append(len(items))
            time.sleep(0.02)
        for child in children:
            assert child.stdout is not None
            child.stdout.close()
            assert child.returncode == 0
        assert len(reader) == 240
        assert [change.number for change in reader.changes(0)] == list(range(1, 241))


def test_a_second_writer_waits_and_then_says_who_holds_it(
    tmp_path: Path, found: Callable[..., Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "WRITER_PATIENCE", 0.2)
    with Collection.create(tmp_path / "c") as first, Collection.open(tmp_path / "c") as second:
        held, release = threading.Event(), threading.Event()

        def hold() -> None:
            with first._catalogue.writing():
                held.set()
                release.wait(10)

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait(10)
        assert len(second) == 0
        with pytest.raises(CollectionError, match="Another process has been writing"):
            second.add([found(1)])
        release.set()
        holder.join()
        assert second.add([found(1)]).added == 1
        assert len(first) == 1


HOLD = """
import sys, time
from imagerag.collection import Collection

with Collection.open(sys.argv[1]) as opened, opened._catalogue.writing():
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_writer_that_waits_in_vain_names_the_process_that_holds_the_lock(
    tmp_path: Path, found: Callable[..., Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    Collection.create(tmp_path / "c").close()
    monkeypatch.setattr(catalogue, "WRITER_PATIENCE", 0.2)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "c")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == "held\n"
    with Collection.open(tmp_path / "c") as second:
        told = rf"process {holder.pid} on {socket.gethostname()}, since 20\d\d-.*Z\. Wait for it"
        with pytest.raises(CollectionError, match=told):
            second.add([found(1)], isolated=False)
        assert len(second) == 0
        # Killed, it holds nothing any more, though it could take back nothing.
        holder.kill()
        holder.wait()
        assert second.add([found(1)], isolated=False).added == 1
    assert not (tmp_path / "c" / "writer.json").exists()
    holder.stdin.close()
    holder.stdout.close()


def test_threads_share_one_collection(
    collection: Collection, found: Callable[..., Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH_ITEMS", 4)
    trouble: list[BaseException] = []

    def work(first: int) -> None:
        try:
            collection.add(found(n) for n in range(first, first + 20))
            for item in list(collection.items()):
                collection.image(item.id)
        except BaseException as error:
            trouble.append(error)

    threads = [threading.Thread(target=work, args=(10 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not trouble
    assert len(collection) == 50
