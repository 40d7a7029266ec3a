"""A tiny OmniGen of the very classes, and what tests ask of it."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from collections.abc import Callable
from pathlib import Path

import pytest

from imagerag.values import Guidance, Reference
from imagerag_diffusers.testing import Maker, references
from imagerag_omnigen.config import OmniGenConfig
from imagerag_omnigen.generator import OmniGenGenerator
from imagerag_omnigen.placeholders import SYNTAX
from imagerag_omnigen.testing import save_tiny

Say = Callable[..., Guidance]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An OmniGen folder, as on the hub but tiny."""
    return save_tiny(tmp_path_factory.mktemp("published") / "tiny")


@pytest.fixture(scope="session")
def make(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Maker[OmniGenGenerator]:
    """Build a generator on it."""
    defaults = {"model": str(tiny), "steps": 2, "size": (64, 64), "device": "cpu"}
    return Maker(OmniGenGenerator, OmniGenConfig, tmp_path_factory.mktemp("cache"), defaults)


@pytest.fixture(scope="session")
def shown() -> tuple[Reference, ...]:
    """Four references."""
    return references()


@pytest.fixture(scope="session")
def say() -> Say:
    """Write guidance whose prompt names its references in their order."""

    def guidance(prompt: str, *shown: Reference, seed: int = 0, **rest: object) -> Guidance:
        places = "".join(f"{SYNTAX.format(k=k)} " for k in range(1, len(shown) + 1))
        return Guidance(places + prompt, seed, references=shown, **rest)

    return guidance


@pytest.fixture
def guidances(say: Say, shown: tuple[Reference, ...]) -> list[Guidance]:
    """Without references and with, of several sizes."""
    return [
        say("a hedgehog", shown[0]),
        say("a hedgehog", shown[0], seed=1),
        say("a red car"),
        say("a tree by a lake, under a large and cloudy sky", *shown[1:3], width=64, height=96),
        say("a cat in a hat", *shown[:3], seed=4),
    ]
