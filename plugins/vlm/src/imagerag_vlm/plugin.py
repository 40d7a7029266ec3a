"""What this distribution offers; importing it costs nothing."""

from __future__ import annotations

from imagerag.hooks import Offer, Preset, hookimpl


@hookimpl
def imagerag_critics() -> list[Offer]:
    """Offer the critic."""
    return [
        Offer(
            name="vlm",
            summary="A vision-language model on this machine: Qwen2.5-VL and its like",
            target="imagerag_vlm.critic:VLMCritic",
            config="imagerag_vlm.config:VLMConfig",
            needs=("torch", "torchvision", "transformers", "accelerate", "jinja2"),
            keys=("HF_TOKEN",),
        )
    ]


@hookimpl
def imagerag_presets() -> list[Preset]:
    """Offer the configuration that needs no key, and no network once the weights are there."""
    return [
        Preset(
            name="local",
            summary="All on this machine: FLUX.2 klein, Qwen2.5-VL, SigLIP 2 (a GPU, no key).",
            resource="imagerag_vlm:presets/local.toml",
        )
    ]
