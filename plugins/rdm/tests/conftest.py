"""Tiny models of the very classes, random weights, saved in the published layout."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagerag.values import Guidance, Reference
from imagerag_diffusers.testing import Maker
from imagerag_rdm.config import RDMConfig
from imagerag_rdm.generator import RDMGenerator
from imagerag_rdm.testing import clip, save_rdm


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the published layout."""
    return save_rdm(tmp_path_factory.mktemp("published") / "rdm")


@pytest.fixture(scope="session")
def published_vq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a VQ autoencoder that halves a picture's sides."""
    return save_rdm(tmp_path_factory.mktemp("published") / "rdm-vq", vq=True)


@pytest.fixture(scope="session")
def make(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Maker[RDMGenerator]:
    """Build a generator on the tiny model."""
    defaults = {"model": str(published), "steps": 2, "size": (64, 64), "device": "cpu"}
    return Maker(RDMGenerator, RDMConfig, tmp_path_factory.mktemp("cache"), defaults)


def picture(number: int) -> Image.Image:
    """A picture of sixteen fields whose colours follow from the number."""
    colours = hashlib.shake_256(f"picture {number}".encode()).digest(48)
    return Image.frombytes("RGB", (4, 4), colours).resize((48, 40), Image.Resampling.NEAREST)


@pytest.fixture(scope="session")
def neighbours() -> tuple[Reference, ...]:
    """Twenty references, all different."""
    return tuple(Reference(picture(number), f"picture {number}") for number in range(20))


@pytest.fixture
def say() -> Callable[..., Guidance]:
    """Write guidance in one line."""

    def guidance(
        prompt: str = "a hedgehog", *shown: Reference, seed: int = 0, **rest: Any
    ) -> Guidance:
        return Guidance(prompt, seed, references=shown, **rest)

    return guidance


@pytest.fixture
def guidances(neighbours: tuple[Reference, ...]) -> list[Guidance]:
    """Seven that do not fit one call."""
    return [
        Guidance("a hedgehog", 0),
        Guidance("a hedgehog", 1),
        Guidance("a red car", 2, references=neighbours[:1]),
        Guidance("a tree by a lake", 3, references=neighbours[:3], width=64, height=96),
        Guidance("a cat", 4, references=neighbours[3:5]),
        Guidance("a cat", 4, references=neighbours[3:5], options={"query": "none"}),
        Guidance("a dog", 5, references=neighbours[5:7]),
    ]


@pytest.fixture(scope="session")
def save_clip() -> Callable[[Path, int], None]:
    """Save a tiny CLIP of another width over one that is there."""

    def save(folder: Path, width: int) -> None:
        from imagerag_diffusers.quiet import quiet
        from imagerag_diffusers.testing import clip_tokenizer

        with quiet():
            clip(clip_tokenizer(), width).save_pretrained(folder)

    return save
