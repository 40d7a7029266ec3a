"""What a configuration means: model, revision, licence and memory, without loading anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imagerag.errors import ImageRAGError
from imagerag.resources import local
from imagerag.values import Facts
from imagerag_dino.config import DINO
from imagerag_dino.layout import CLASSES, read_layout

if TYPE_CHECKING:
    from imagerag_dino.config import DinoMetricConfig
    from imagerag_dino.layout import Layout

LICENCE = "Apache-2.0"
"""Licence of the default model, by its card."""

MEMORY_GB = 0.8
"""What 32 pictures in float32 added to a process on the CPU, measured with random weights of the
default model's architecture; torch itself comes on top."""

PROVEN = (
    "cosines equal to transformers' own class tokens, and 1 for a picture with itself, on tiny "
    "random models of Dinov2Model, Dinov2WithRegistersModel and ViTModel"
)


def facts_of(config: DinoMetricConfig) -> Facts:
    """Return the facts of a metric that runs the DINO of `config`.

    The revision of a folder is its space: a digest of weights, architecture and preprocessing.
    """
    folder = _folder(config.model)
    layout = _layout(config.model) if folder else None
    default = not folder and config.model.removeprefix("hf-hub:") == DINO
    commercial = config.commercial
    if commercial is None and config.licence is None and default:
        commercial = True
    return Facts(
        model=config.model,
        revision=(layout.space if layout else "") if folder else config.pinned or "",
        implementation=f"transformers.{layout.kind if layout else CLASSES['dinov2']}",
        licence=config.licence or (LICENCE if default else None),
        commercial=commercial,
        memory_gb=MEMORY_GB if default else None,
        usd_per_picture=0.0,
        proven=PROVEN,
    )


def _folder(model: str) -> bool:
    """Say whether `model` lies on this machine already, by the rules of `resolve_weights`."""
    if model.startswith("hf-hub:"):
        return False
    try:
        path = Path(local(model.removeprefix("local-dir:"))).expanduser()
        return model.startswith("local-dir:") or path.is_dir()
    except ImageRAGError:
        return True  # a package that is not installed: certainly no hub model


def _layout(model: str) -> Layout | None:
    try:
        return read_layout(model)
    except ImageRAGError:
        return None  # facts are told of what is missing too; its use says what to do
