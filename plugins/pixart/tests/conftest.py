"""Tiny PixArt models of the very classes, saved in the layout their owners publish."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagerag.values import Guidance
from imagerag_diffusers.testing import Maker, save_pixart
from imagerag_pixart.config import PixArtAlphaConfig, PixArtSigmaConfig
from imagerag_pixart.generator import PixArtAlphaGenerator, PixArtSigmaGenerator

KINDS = {
    "alpha": (PixArtAlphaGenerator, PixArtAlphaConfig),
    "sigma": (PixArtSigmaGenerator, PixArtSigmaConfig),
}


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A PixArt-α folder and a PixArt-Σ folder, as on the hub but tiny."""
    root = tmp_path_factory.mktemp("published")
    return {name: save_pixart(root / name, kind.pipelines[0]) for name, (kind, _) in KINDS.items()}


@pytest.fixture(scope="session", params=["alpha", "sigma"])
def make(
    request: pytest.FixtureRequest,
    published: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Maker[Any]:
    """Build a generator on the tiny models, of both kinds in turn."""
    generator, config = KINDS[request.param]
    defaults = {
        "model": str(published[request.param]),
        "steps": 2,
        "size": (64, 64),
        "device": "cpu",
    }
    return Maker(generator, config, tmp_path_factory.mktemp("cache"), defaults)


@pytest.fixture
def say() -> Callable[..., Guidance]:
    """Write guidance in one line."""

    def guidance(prompt: str = "a hedgehog", seed: int = 0, **rest: Any) -> Guidance:
        return Guidance(prompt, seed, **rest)

    return guidance


@pytest.fixture
def guidances() -> list[Guidance]:
    """Five that do not fit one call."""
    return [
        Guidance("a hedgehog", 0),
        Guidance("a hedgehog", 1),
        Guidance("a red car", 2, negative_prompt="blue"),
        Guidance("a tree by a lake", 3, width=64, height=96),
        Guidance("a cat", 4),
    ]
