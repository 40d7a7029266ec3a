"""Tiny FLUX models of the very classes, saved in the layout their owners publish."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagerag.values import Guidance, Reference
from imagerag_diffusers.testing import Maker, references
from imagerag_flux.config import Flux2KleinConfig, FluxConfig, FluxKontextConfig, FluxReduxConfig
from imagerag_flux.flux1 import FluxGenerator
from imagerag_flux.klein import Flux2KleinGenerator
from imagerag_flux.kontext import FluxKontextGenerator
from imagerag_flux.redux import FluxReduxGenerator
from imagerag_flux.testing import save_flux, save_klein, save_kontext, save_redux

Say = Callable[..., Guidance]


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders as on the hub, but tiny."""
    root = tmp_path_factory.mktemp("published")
    made = {
        "schnell": save_flux(root / "schnell"),
        "dev": save_flux(root / "dev", guidance=True),
        "kontext": save_kontext(root / "kontext"),
        "redux": save_redux(root / "redux"),
        "klein": save_klein(root / "klein"),
    }
    # Closing a generator collects garbage, which would look through all of torch each time.
    gc.freeze()
    return made


@pytest.fixture(scope="session")
def makers(
    published: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Maker[Any]]:
    """Build generators on them, by the names of their offers."""
    cache = tmp_path_factory.mktemp("cache")
    every = {"steps": 2, "size": (64, 64), "device": "cpu", "max_tokens": 96}

    def maker(kind: Any, config: Any, **more: Any) -> Maker[Any]:
        return Maker(kind, config, cache, {**every, **more})

    paths = {name: str(folder) for name, folder in published.items()}
    return {
        "flux": maker(FluxGenerator, FluxConfig, model=paths["schnell"]),
        "flux-kontext": maker(
            FluxKontextGenerator, FluxKontextConfig, model=paths["kontext"], reference_area=64 * 64
        ),
        "flux-redux": maker(
            FluxReduxGenerator, FluxReduxConfig, model=paths["dev"], prior=paths["redux"]
        ),
        "flux2-klein": maker(
            Flux2KleinGenerator,
            Flux2KleinConfig,
            model=paths["klein"],
            reference_area=64 * 64,
        ),
    }


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
