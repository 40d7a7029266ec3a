"""A bench for batches: a store, a configuration of small components, and turns."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from imagerag.batch.budget import Limits
from imagerag.batch.keys import digest
from imagerag.batch.prompts import PromptList
from imagerag.batch.store import RunStore
from imagerag.batch.turn import prepare, take
from imagerag.session import Session
from imagerag.testing import registry


class Bench:
    """Takes turns over one store; `session` and `events` are those of the latest."""

    def __init__(self, folder, plugins):
        self.store = RunStore.create(folder)
        self.plugins = plugins
        self.session = None
        self.events = []

    def settings(self, *, generator=None, critic=None, loop=None, encoder="hashing", **batch):
        return {
            "collection": "pool",
            "generator": {"use": "picky", **(generator or {})},
            "conditioner": {"use": "plain"},
            "critic": {"use": "dear", "answers": ["missing: hedgehog"], **(critic or {})},
            "encoder": {"use": encoder},
            "retriever": {"use": "counting"},
            "loop": loop or {},
            "batch": batch,
        }

    def turn(self, prompts, *, limits=None, retry=False, source="list", **settings):
        self.events = []
        with Session.from_config(
            self.settings(**settings), registry=self.plugins, listener=self.events.append
        ) as self.session:
            plan = prepare(
                self.session, self.store, PromptList(prompts), source, digest(list(prompts))
            )
            if retry:
                plan.retry_failed()
            turn = take(plan, limits or Limits())
            self.parts = self.session.built()
        return turn


@pytest.fixture
def parts(monkeypatch):
    """The module of components, with its counts at zero."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import batch_parts

    yield batch_parts
    batch_parts.Counted.alive, batch_parts.Counted.loads = {}, []
    batch_parts.Counted.devices.clear()
    batch_parts.Counted.most_alive = 0
    sys.modules.pop("batch_parts", None)


@pytest.fixture
def bench(parts, pool, tmp_path):
    """A bench over an empty store."""
    made = Bench(tmp_path / "out", registry("batch_parts"))
    yield made
    made.store.close()
