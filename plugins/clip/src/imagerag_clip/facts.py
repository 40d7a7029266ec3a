"""What a configuration means: model, revision, licence and memory, without loading anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imagerag.errors import ImageRAGError
from imagerag.resources import local
from imagerag.values import Facts

if TYPE_CHECKING:
    from imagerag_clip.config import ClipModelConfig


class Published(NamedTuple):
    """Licence of a hub model by its card, and the memory it takes.

    `memory_gb` is what 32 texts and 32 images in float32 added to a process on the CPU, measured
    with random weights of the same architecture; torch itself comes on top.
    """

    licence: str
    memory_gb: float


PUBLISHED = {
    "timm/vit_base_patch32_clip_224.openai": Published("Apache-2.0", 0.8),
    "laion/CLIP-ViT-B-32-laion2B-s34B-b79K": Published("MIT", 0.8),
    "timm/ViT-B-16-SigLIP": Published("Apache-2.0", 1.3),
    "timm/ViT-B-16-SigLIP2": Published("Apache-2.0", 1.9),
}


def facts_of(config: ClipModelConfig, proven: str) -> Facts:
    """Return the facts of a component that runs the CLIP or SigLIP of `config`.

    The revision of a folder is its space: a digest of weights, preprocessing and tokenizer.
    """
    folder = _folder(config.model)
    known = None if folder else PUBLISHED.get(config.model.removeprefix("hf-hub:"))
    commercial = config.commercial
    if commercial is None and config.licence is None and known:
        commercial = True  # both licences allow it
    return Facts(
        model=config.model,
        revision=_digest(config.model) if folder else config.pinned or "",
        implementation="open_clip",
        licence=config.licence or (known.licence if known else None),
        commercial=commercial,
        memory_gb=known.memory_gb if known else None,
        usd_per_picture=0.0,
        proven=proven,
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


def _digest(model: str) -> str:
    from imagerag_clip.layout import read_layout

    try:
        return read_layout(model).space
    except ImageRAGError:
        return ""  # facts are told of what is missing too; its use says what to do
