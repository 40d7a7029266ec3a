"""A tiny pipeline of a real class, and a generator on it that says no more than it must."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from imagerag.values import Guidance
from imagerag_diffusers import (
    NegativePromptConfig,
    PipelineGenerator,
    Published,
    Request,
    SchedulerConfig,
)
from imagerag_diffusers.testing import Maker, save_pixart


class TinyConfig(NegativePromptConfig, SchedulerConfig):
    model: str = "someone/tiny"


class TinyGenerator(PipelineGenerator):
    """The least that a generator has to say."""

    config: TinyConfig

    name = "tiny"
    distribution = "imagerag-diffusers"
    pipelines = ("PixArtSigmaPipeline",)
    elsewhere: ClassVar = {"PixArtAlphaPipeline": "pixart-alpha"}
    catalogue: ClassVar = {
        "someone/tiny": Published(
            pipeline="PixArtSigmaPipeline",
            licence="Apache-2.0",
            commercial=True,
            revision="0123456789abcdef0123456789abcdef01234567",
            sizes=((64, 64),),
            memory_gb=1.5,
        ),
        "someone/gated": Published(
            pipeline="PixArtSigmaPipeline",
            licence="terms of its own",
            commercial=False,
            revision="76543210fedcba9876543210fedcba9876543210",
            gated=True,
        ),
    }

    def arguments(self, pipe: Any, rows: Sequence[Request]) -> dict[str, Any]:
        return {
            "negative_prompt": [row.negative or "" for row in rows],
            "guidance_scale": self.config.guidance_scale,
            "use_resolution_binning": False,
            "clean_caption": False,
        }


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny PixArt folder, as on the hub."""
    return save_pixart(tmp_path_factory.mktemp("published") / "tiny")


@pytest.fixture(scope="session")
def make(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Maker[TinyGenerator]:
    """Build a generator on it."""
    defaults = {"model": str(tiny), "steps": 2, "size": (64, 64), "device": "cpu"}
    return Maker(TinyGenerator, TinyConfig, tmp_path_factory.mktemp("cache"), defaults)


@pytest.fixture(scope="session")
def kind() -> type[TinyGenerator]:
    """The class that `make` builds."""
    return TinyGenerator


@pytest.fixture
def guidances() -> list[Guidance]:
    """Four that do not fit one call."""
    return [
        Guidance("a hedgehog", 0),
        Guidance("a hedgehog", 1),
        Guidance("a red car", 2, negative_prompt="blue"),
        Guidance("a tree by a lake", 3, width=64, height=96),
    ]
