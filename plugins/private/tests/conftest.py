"""Real collections of the sandbox's pictures, and sessions with its encoder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from imagerag import Collection, Session
from imagerag.resources import local
from imagerag.roles import Found

CLIP = {"use": "clip", "model": "package:imagerag_sandbox/data/clip"}


@pytest.fixture(scope="session")
def pictures():
    """The sandbox's pictures by what they show: {concept: [(path, caption)]}."""
    pool = Path(local("package:imagerag_sandbox/data/pool"))
    found = {}
    for line in (pool / "metadata.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        concept = row["tags"][0].removeprefix("concept=")
        found.setdefault(concept, []).append((pool / row["file_name"], row["text"]))
    return found


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A data folder of this test's own, and nobody who reads by name."""
    monkeypatch.setenv("IMAGERAG_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("IMAGERAG_READER", raising=False)
    return tmp_path / "home"


@pytest.fixture
def fill(home, pictures):
    """Make a collection with a picture of each concept, the `which`-th; return {concept: id}."""

    def made(name, concepts, which=0, private=False):
        with Collection.create(home / "collections" / name, name) as collection:
            ids = {}
            for concept in concepts:
                path, caption = pictures[concept][which]
                one = Found(path.name, path, None, caption, "CC0-1.0", f"of {name}")
                assert collection.add([one], private=private).added == 1
                ids[concept] = hashlib.sha256(path.read_bytes()).hexdigest()
            return ids

    return made


@pytest.fixture
def config():
    """Build a configuration around the retriever; keyword arguments are its options."""

    def built(*collections, **options):
        loop = options.pop("loop", {})
        others = options.pop("others", {})
        tables = [{"name": c} if isinstance(c, str) else c for c in collections]
        return {
            "collection": "general",
            "generator": {"use": "seeded"},
            "conditioner": {"use": "plain"},
            "critic": {"use": "scripted", "answers": ["missing: hedgehog"]},
            "encoder": CLIP,
            "retriever": {
                "use": "private",
                "retriever": {"use": "usearch", "threads": 1},
                "collections": tables,
                **options,
            },
            "loop": loop,
            **others,
        }

    return built


@pytest.fixture
def start(home):
    """Open a session; closed when the test ends."""
    from imagerag.testing.suites.workshop import registry_with

    opened = []

    def built(values):
        session = Session.from_config(values, registry=registry_with())
        opened.append(session)
        return session

    yield built
    for session in opened:
        session.close()
