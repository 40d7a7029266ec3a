"""A tiny Qwen-Image-Edit of the very classes, and what tests ask of it."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gc
from collections.abc import Callable
from pathlib import Path

import pytest

from imagerag.values import Guidance, Reference
from imagerag_diffusers.testing import Maker, references
from imagerag_qwen_image.config import LEAST_AREA, QwenImageEditConfig
from imagerag_qwen_image.generator import QwenImageEditGenerator
from imagerag_qwen_image.testing import save_tiny

Say = Callable[..., Guidance]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as on the hub, but tiny."""
    folder = save_tiny(tmp_path_factory.mktemp("published") / "tiny")
    # Closing a generator collects garbage, which would look through all of torch each time.
    gc.freeze()
    return folder


@pytest.fixture(scope="session")
def small(tiny: Path) -> dict[str, object]:
    """Options with which a picture takes a tenth of a second."""
    return {
        "model": str(tiny),
        "steps": 2,
        "size": [64, 64],
        "device": "cpu",
        "reference_area": LEAST_AREA,
        "reading_area": LEAST_AREA,
    }


@pytest.fixture(scope="session")
def make(
    small: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> Maker[QwenImageEditGenerator]:
    """Build a generator on it."""
    cache = tmp_path_factory.mktemp("cache")
    return Maker(QwenImageEditGenerator, QwenImageEditConfig, cache, small)


@pytest.fixture(scope="session")
def shown() -> tuple[Reference, ...]:
    """Four references."""
    return references(4, (72, 64))


@pytest.fixture(scope="session")
def say() -> Say:
    """Write guidance in one line."""

    def guidance(prompt: str, *shown: Reference, seed: int = 0, **rest: object) -> Guidance:
        return Guidance(prompt, seed, references=shown, **rest)

    return guidance


@pytest.fixture
def guidances(say: Say, shown: tuple[Reference, ...]) -> list[Guidance]:
    """Without references and with, of several sizes."""
    return [
        say("a hedgehog", shown[0]),
        say("a hedgehog", shown[0], seed=1),
        say("a red car"),
        say("a tree by a lake", *shown[1:3], seed=3, width=64, height=96),
        say("a cat", *shown[:3], seed=4, negative_prompt="a dog"),
    ]
