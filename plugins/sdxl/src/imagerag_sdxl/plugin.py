"""What this distribution offers; importing it costs nothing."""

from __future__ import annotations

from imagerag.hooks import Offer, Preset, hookimpl


@hookimpl
def imagerag_generators() -> list[Offer]:
    """Offer the generator."""
    return [
        Offer(
            name="sdxl",
            summary="Stable Diffusion XL; references enter through IP-Adapter (plain or plus).",
            target="imagerag_sdxl.generator:SDXLGenerator",
            config="imagerag_sdxl.config:SDXLConfig",
            needs=("torch", "diffusers", "transformers", "accelerate"),
            keys=("HF_TOKEN",),
        )
    ]


@hookimpl
def imagerag_conditioners() -> list[Offer]:
    """Offer the conditioner that speaks to it."""
    return [
        Offer(
            name="sdxl",
            summary="The paper's wording for SDXL with IP-Adapter.",
            target="imagerag_sdxl.conditioner:SDXLConditioner",
            config="imagerag_sdxl.config:SDXLConditionerConfig",
        )
    ]


@hookimpl
def imagerag_presets() -> list[Preset]:
    """Offer the paper's SDXL configuration."""
    return [
        Preset(
            name="paper-sdxl",
            summary="ImageRAG on SDXL with IP-Adapter-plus, as in the paper (needs a GPU).",
            resource="imagerag_sdxl:presets/paper-sdxl.toml",
        )
    ]
