"""A generator without seeds says so, and so does a replay of what it painted."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagerag import ImageRAG, read, replay, save
from imagerag.cli import main
from imagerag.testing import registry

CONFIG = {
    "generator": {"use": "unseedable"},
    "conditioner": {"use": "plain"},
    "loop": {"gate": "never"},
}


@pytest.fixture
def plugins(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return registry("defective.plugin")


@pytest.fixture
def painted(plugins, home, tmp_path):
    with ImageRAG.from_config(CONFIG, progress=False, registry=plugins) as rag:
        return save(rag.generate("a hedgehog"), tmp_path / "painted.png")


def test_its_replay_gives_another_picture_and_the_reason(painted, plugins):
    done = replay(read(painted), registry=plugins)
    assert not done.identical
    assert not done.seeded
    assert done.changed_versions == ()


def test_a_generator_with_seeds_is_replayed_as_ever(plugins, home, tmp_path):
    config = {**CONFIG, "generator": {"use": "seeded"}}
    with ImageRAG.from_config(config, progress=False, registry=plugins) as rag:
        path = save(rag.generate("a hedgehog"), tmp_path / "painted.png")
    done = replay(read(path), registry=plugins)
    assert done.identical and done.seeded


def test_the_command_says_why(painted, plugins, monkeypatch, capsys):
    monkeypatch.setattr("imagerag.replaying.Session.from_config", _with(plugins))
    assert main(["replay", str(painted)]) == 1
    told = capsys.readouterr().out
    assert "knows no seed" in told
    assert "rounds differently" not in told


def _with(plugins):
    from imagerag.session import Session

    build = Session.from_config

    def from_config(source, **named):
        return build(source, **{**named, "registry": plugins})

    return from_config
