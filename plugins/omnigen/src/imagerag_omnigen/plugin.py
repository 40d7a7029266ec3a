"""What this distribution offers; importing it costs nothing."""

from __future__ import annotations

from imagerag.hooks import Offer, Preset, hookimpl


@hookimpl
def imagerag_generators() -> list[Offer]:
    """Offer the generator."""
    return [
        Offer(
            name="omnigen",
            summary="OmniGen; references are named inside the prompt. Paints and edits.",
            target="imagerag_omnigen.generator:OmniGenGenerator",
            config="imagerag_omnigen.config:OmniGenConfig",
            needs=("torch", "torchvision", "diffusers", "transformers", "accelerate"),
            keys=("HF_TOKEN",),
        )
    ]


@hookimpl
def imagerag_conditioners() -> list[Offer]:
    """Offer the conditioner that speaks to it."""
    return [
        Offer(
            name="omnigen",
            summary="The paper's wording for OmniGen: each caption with its images.",
            target="imagerag_omnigen.conditioner:OmniGenConditioner",
            config="imagerag_omnigen.config:OmniGenConditionerConfig",
        )
    ]


@hookimpl
def imagerag_presets() -> list[Preset]:
    """Offer the paper's OmniGen configuration."""
    return [
        Preset(
            name="paper-omnigen",
            summary="ImageRAG on OmniGen with GPT-4o, as in the paper (a GPU and a key).",
            resource="imagerag_omnigen:presets/paper-omnigen.toml",
        )
    ]
