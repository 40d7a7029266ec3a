"""Doubles beside the real strategy, in sessions of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagerag import ImageRAG
from imagerag.testing import registry

DOUBLES = Path(__file__).parent / "doubles"


@pytest.fixture(scope="session")
def plugins():
    """The core, its doubles, the strategy, and the doubles of these tests."""
    sys.path.insert(0, str(DOUBLES))
    try:
        yield registry("imagerag_grape.plugin", "grape_doubles.plugin")
    finally:
        sys.path.remove(str(DOUBLES))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Collections and caches of this test's own."""
    monkeypatch.setenv("IMAGERAG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


EDITOR = {"use": "patching", "width": 24, "height": 16, "max_references": 1}


def configuration(*plans: str, critic: dict[str, Any] | None = None, **grape: Any) -> dict:
    """Return a configuration whose planner answers `plans`; the rest is the strategy's own."""
    planner = critic or {"use": "planner", "plans": list(plans)}
    generator = {"use": "grape", "painter": dict(EDITOR), **grape}
    return {
        "generator": {k: v for k, v in generator.items() if v is not None},
        "conditioner": {"use": "grape"},
        "critic": planner,
        "loop": {"gate": "never"},
    }


@pytest.fixture(name="configuration")
def configuration_fixture():
    return configuration


@pytest.fixture
def rag(plugins) -> Iterator[Any]:
    """Build an `ImageRAG`; closed when the test ends."""
    opened = []

    def build(*plans: str, **grape: Any) -> ImageRAG:
        values = configuration(*plans, **grape)
        opened.append(ImageRAG.from_config(values, registry=plugins, progress=False))
        return opened[-1]

    yield build
    for one in opened:
        one.close()


@pytest.fixture
def told():
    """Return "decision: reason" of each of the generator's decisions of a run."""

    def decisions(run: Any) -> list[str]:
        return [f"{d.decision} | {d.reason}" for d in run.decisions if d.stage == "generate"]

    return decisions
