"""A batch that is killed at random moments comes to the same, and pays no answer twice."""

from __future__ import annotations

import json
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from imagerag.collection import Collection
from imagerag.roles import Found
from imagerag.testing import Answer, LoopbackVLM

DRIVER = Path(__file__).with_name("killed_batch.py")
THINGS = ("hedgehog", "axolotl", "tiger", "kite", "boat", "cactus", "violin", "rocket")
AT_ONCE = 4


@dataclass
class Provider:
    """Answers by what is asked; notes each question, and says when enough were asked."""

    asked: list[tuple[str, str]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    seconds: float = 0.02

    def __call__(self, request) -> Answer:
        call = request.body["response_format"]["json_schema"]["name"]
        (prompt,) = set(re.findall(r"\d+ [a-z]+(?= on a green)", request.text))
        with self.changed:
            self.asked.append((call, prompt))
            self.changed.notify_all()
        if call == "compare":
            return Answer({"better": "second", "note": ""}, seconds=self.seconds)
        thing = prompt.partition(" ")[2]
        missing = [{"concept": thing, "caption": f"a photo of a {thing}"}]
        # Every fourth draft is found good.
        good = prompt.startswith("3")
        said = {"match": good, "missing": [] if good else missing, "present": [], "note": ""}
        return Answer(said, seconds=self.seconds)

    def wait_for(self, count: int, process: subprocess.Popen) -> None:
        """Wait until so many questions were asked, or the process has ended."""
        with self.changed:
            while len(self.asked) < count and process.poll() is None:
                self.changed.wait(0.05)


class Desk:
    """A folder with a collection, prompts and settings, and a server beside it."""

    def __init__(self, folder: Path, server: LoopbackVLM, count: int, generator: dict) -> None:
        self.folder = folder
        lines = [f"{n} {THINGS[n % len(THINGS)]} on a green background" for n in range(count)]
        (folder / "prompts.txt").write_text("\n".join(lines) + "\n")
        self.pool(folder / "pool")
        settings = {
            "collection": str(folder / "pool"),
            "critic": {
                "use": "openai",
                "model": "gpt-4o-2024-08-06",
                "base_url": server.openai_url,
                "max_concurrent": AT_ONCE,
                "calls": "one",
                "image_format": "png",
                "free": True,
            },
            "batch": {"window": 8},
            **generator,
        }
        (folder / "settings.json").write_text(json.dumps(settings))

    def pool(self, path: Path) -> None:
        pictures = []
        for number, thing in enumerate(THINGS):
            file = self.folder / f"{thing}.png"
            Image.new("RGB", (24, 24), (number * 30, 80, 120)).save(file)
            pictures.append(Found(file.name, file, caption=f"a photo of a {thing}"))
        with Collection.create(path) as collection:
            collection.add(pictures)

    def start(self, out: Path) -> subprocess.Popen:
        arguments = [self.folder / "settings.json", self.folder / "prompts.txt", out]
        return subprocess.Popen(
            [sys.executable, DRIVER, *map(str, arguments)],
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, out: Path) -> None:
        process = self.start(out)
        told = process.communicate(timeout=1200)[1]
        assert process.returncode == 0, told


def acknowledged(out: Path) -> set[tuple[str, str]]:
    """Return the questions whose answers are in the store."""
    if not (out / "runs.sqlite").exists():
        return set()
    with sqlite3.connect(out / "runs.sqlite") as store:
        rows = store.execute(
            "SELECT calls.call, works.prompt FROM calls JOIN works ON works.key = calls.work "
            "WHERE recorded = 1"
        ).fetchall()
    store.close()
    return {(call, prompt.partition(" on")[0]) for call, prompt in rows}


def outcome(out: Path) -> tuple[list, dict[str, bytes]]:
    """Return all that a store says that no clock decides, and its pictures."""
    store = sqlite3.connect(out / "runs.sqlite")
    works = store.execute(
        "SELECT key, prompt, seed, state, reason, record, draft, result, kept, missing, fallback "
        "FROM works ORDER BY key"
    ).fetchall()
    calls = store.execute(
        "SELECT work, position, stage, component, call, model, outcome, images, input_tokens, usd "
        "FROM calls WHERE recorded = 1 ORDER BY work, position"
    ).fetchall()
    store.close()
    folders = ("pictures", "references")
    files = {
        str(path.relative_to(out)): path.read_bytes()
        for folder in folders
        for path in (out / folder).glob("**/*")
        if path.is_file()
    }
    return [works, calls], files


def kill_and_compare(tmp_path, count, kills, generator, chance) -> dict[str, int]:
    provider = Provider()
    with LoopbackVLM(provider) as server:
        desk = Desk(tmp_path, server, count, generator)
        desk.finish(tmp_path / "alone")
        questions = Counter(provider.asked)
        assert set(questions.values()) == {1}
        provider.asked.clear()
        killed, out, doubled = 0, tmp_path / "killed", []
        while killed < kills:
            known, before = acknowledged(out), len(provider.asked)
            process = desk.start(out)
            # Anywhere in what is left, at times before the first question of this turn.
            share = (len(questions) - len(known)) // (kills - killed + 1)
            provider.wait_for(before + chance.randint(0, max(2, share)), process)
            time.sleep(chance.random() * 2 * provider.seconds)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert process.returncode == -signal.SIGKILL, "it was done before it was killed"
            killed += 1
            doubled += [one for one in provider.asked[before:] if one in known]
        known, before = acknowledged(out), len(provider.asked)
        desk.finish(out)
        doubled += [one for one in provider.asked[before:] if one in known]
    assert not doubled
    assert set(provider.asked) == set(questions)
    again = len(provider.asked) - len(questions)
    assert again <= kills * AT_ONCE
    (said, files), (said_alone, files_alone) = outcome(out), outcome(tmp_path / "alone")
    assert said == said_alone
    assert files == files_alone
    assert not list((out / "incoming").glob("*")), "a half-written file was left behind"
    return {"questions": len(questions), "asked again": again, "pictures": len(files)}


def test_a_killed_batch_comes_to_the_same(tmp_path):
    doubles = {
        "generator": {"use": "seeded", "width": 48, "height": 48},
        "conditioner": {"use": "plain"},
        "encoder": {"use": "hashing"},
        "retriever": {"use": "memory"},
    }
    kill_and_compare(tmp_path, 12, 2, doubles, random.Random(3))


@pytest.mark.long
def test_two_hundred_prompts_of_the_sandbox_killed_ten_times(tmp_path, capsys):
    sandbox = {"preset": "sandbox", "generator": {"batch_size": 4}}
    found = kill_and_compare(tmp_path, 200, 10, sandbox, random.Random(5))
    with capsys.disabled():
        print(found)
