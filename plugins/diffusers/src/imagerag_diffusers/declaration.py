"""What a generator declares before anything loads, from its options and published data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagerag.values import Capability, Facts
from imagerag_diffusers.provenance import content
from imagerag_diffusers.published import Catalogue, known

if TYPE_CHECKING:
    from imagerag_diffusers.config import PipelineConfig


def text_capability(config: PipelineConfig, catalogue: Catalogue) -> Capability:
    """Return the capability of a generator that paints from text alone.

    What the configuration says of licence, commercial use, memory and size goes before what is
    published; a licence of the user's own says nothing of commercial use.
    """
    found = known(config.model, catalogue)
    commercial, memory = config.commercial, config.memory_gb
    if found and commercial is None and not config.licence:
        commercial = found.commercial
    if found and memory is None:
        memory = found.memory_gb
    return Capability(
        abilities=frozenset({"text"}),
        sizes=(config.size,) if config.size else (found.sizes if found else ()),
        steps=config.steps,
        licence=config.licence or (found.licence if found else None),
        commercial=commercial,
        memory_gb=memory,
    )


def local_facts(
    config: PipelineConfig,
    catalogue: Catalogue,
    capability: Capability,
    pipeline: str,
    proven: str,
) -> Facts:
    """Return the facts of a generator that runs a class of diffusers on this machine."""
    return Facts(
        model=config.model,
        revision=content(config.model, config.revision, catalogue),
        implementation=f"diffusers.{pipeline}",
        licence=capability.licence,
        commercial=capability.commercial,
        memory_gb=capability.memory_gb,
        usd_per_picture=0.0,
        proven=proven,
    )
