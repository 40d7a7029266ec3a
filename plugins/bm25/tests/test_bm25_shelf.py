"""Kept captions survive processes, damage and curiosity."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagerag.collection import Collection
from imagerag.errors import CollectionError
from imagerag_bm25.shelf import FILE, CaptionShelf


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_caption_is_kept_by_image_and_captioner(tmp_path: Path) -> None:
    shelf = CaptionShelf(tmp_path / "a")
    shelf.put("one", "image", "a kite")
    shelf.put("other", "image", "ein Drache 🪁")
    assert shelf.get("one", "image") == "a kite"
    assert shelf.get("one", "another image") is None
    shelf.close()
    shelf.close()
    again = CaptionShelf(tmp_path / "a")
    assert again.get("other", "image") == "ein Drache 🪁"
    again.put("one", "image", "")
    assert again.get("one", "image") == ""


def test_only_the_owner_can_read_the_captions(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        shelf = CaptionShelf(tmp_path / "deep" / "own")
        shelf.put("one", "image", "a private kite")
        files = list((tmp_path / "deep" / "own").iterdir())
    finally:
        os.umask(before)
    assert {path.name for path in files} == {FILE, f"{FILE}-wal", f"{FILE}-shm"}
    assert [mode(path) for path in files] == [0o600] * 3
    assert mode(tmp_path / "deep" / "own") == 0o700
    shelf.close()
    (tmp_path / "deep" / "own" / FILE).chmod(0o644)
    assert CaptionShelf(tmp_path / "deep" / "own").get("one", "image") == "a private kite"
    assert mode(tmp_path / "deep" / "own" / FILE) == 0o600


@pytest.mark.parametrize("flips", [80, pytest.param(1_000, marks=pytest.mark.long)])
def test_no_flipped_bit_gives_another_caption(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, flips: int
) -> None:
    captions = {f"image {n}": f"a kite, number {n}" for n in range(20)}
    random = np.random.default_rng(0)
    shelf = CaptionShelf(tmp_path)
    for image, caption in captions.items():
        shelf.put("one", image, caption)
    shelf.close()
    whole = (tmp_path / FILE).read_bytes()
    lost = 0
    for _ in range(flips):
        data = bytearray(whole)
        data[random.integers(len(data))] ^= 1 << int(random.integers(8))
        (tmp_path / FILE).write_bytes(bytes(data))
        shelf = CaptionShelf(tmp_path)
        for image, caption in captions.items():
            found = shelf.get("one", image)
            lost += found is None
            assert found in (None, caption)
        shelf.put("one", "more", "an owl")
        assert shelf.get("one", "more") in (None, "an owl")
        shelf.close()
    assert lost > 0, "some flips were seen"


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"", None])
def test_a_damaged_or_foreign_file_is_begun_anew(
    tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    if content is None:
        foreign = sqlite3.connect(tmp_path / FILE)
        foreign.execute("PRAGMA user_version = 99")
        foreign.close()
    else:
        (tmp_path / FILE).write_bytes(content)
    shelf = CaptionShelf(tmp_path)
    assert shelf.get("one", "image") is None
    shelf.put("one", "image", "a kite")
    assert shelf.get("one", "image") == "a kite"
    assert ("begun anew" in caplog.text) == (content != b"")


def test_a_folder_that_cannot_be_written_to_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CollectionError, match="may be deleted at any time"):
        CaptionShelf(tmp_path / "file" / "inside").get("one", "image")


def test_threads_may_share_a_shelf(tmp_path: Path) -> None:
    shelf = CaptionShelf(tmp_path)

    def work(number: int) -> None:
        for n in range(40):
            shelf.put("one", f"image {n}", f"caption {n}")
            assert shelf.get("one", f"image {n}") == f"caption {n}"

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shelf.get("one", "image 39") == "caption 39"


CHILD = """
import importlib.util, sys, time
from pathlib import Path
spec = importlib.util.spec_from_file_location("doubles", sys.argv[1])
doubles = importlib.util.module_from_spec(spec); spec.loader.exec_module(doubles)
from imagerag.collection import Collection
from imagerag.roles import Context
from imagerag.values import Hit, Query
from imagerag_bm25.config import Bm25RerankerConfig
from imagerag_bm25.reranker import Bm25Reranker

class Slow(doubles.ColourCritic):
    def caption(self, image):
        print("captioned", image.getpixel((1, 1))[0], flush=True)
        time.sleep(0.01)
        return super().caption(image)

Slow.__module__, Slow.__qualname__ = "doubles", "ColourCritic"
with Collection.open(sys.argv[2]) as opened:
    context = Context(
        component=lambda role: critic, cache_dir=Path(sys.argv[3]), collection=opened
    )
    critic = Slow()
    hits = [Hit(item, 0.5) for item in opened.items()]
    Bm25Reranker(Bm25RerankerConfig(), context).rerank(Query(text="blue"), hits)
"""


def child(collection: Collection, cache: Path) -> subprocess.Popen[str]:
    doubles = str(Path(__file__).with_name("conftest.py"))
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, doubles, str(collection.path), str(cache)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def test_two_processes_caption_each_image_once(
    tmp_path: Path, collection: Collection, put: Any
) -> None:
    put(collection, [f"kite {n}" for n in range(40)])
    running = [child(collection, tmp_path / "cache") for _ in range(2)]
    lines = [one.communicate(timeout=120)[0].splitlines() for one in running]
    assert sorted(lines[0] + lines[1]) == sorted(f"captioned {n}" for n in range(40))
    assert [one.returncode for one in running] == [0, 0]


def test_what_a_killed_process_was_told_is_not_asked_again(
    tmp_path: Path, collection: Collection, put: Any
) -> None:
    put(collection, [f"kite {n}" for n in range(60)])
    cache = tmp_path / "cache"
    captioned: list[str] = []
    for pause in (0.02, 0.1):
        running = child(collection, cache)
        assert running.stdout is not None
        captioned.append(running.stdout.readline())
        time.sleep(pause)
        running.send_signal(signal.SIGKILL)
        captioned.extend(running.stdout)
        running.wait()
        running.stdout.close()
    out, _ = child(collection, cache).communicate(timeout=120)
    captioned.extend(out.splitlines(keepends=True))
    assert {line.strip() for line in captioned} == {f"captioned {n}" for n in range(60)}
    # At most the one that each kill cut short was asked for again.
    assert len(captioned) <= 60 + 2
    kept = sqlite3.connect(cache / FILE).execute(
        "SELECT count(*), count(DISTINCT image), count(DISTINCT captioner) FROM captions"
    )
    assert kept.fetchone() == (60, 60, 1)
