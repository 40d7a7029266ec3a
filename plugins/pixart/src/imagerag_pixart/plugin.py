"""What this distribution offers; importing it costs nothing."""

from __future__ import annotations

from imagerag.hooks import Offer, Preset, hookimpl

NEEDS = ("torch", "diffusers", "transformers", "accelerate", "sentencepiece")


@hookimpl
def imagerag_generators() -> list[Offer]:
    """Offer the generators: one class, two defaults."""
    return [
        Offer(
            name="pixart-alpha",
            summary="PixArt-α; text only, a baseline.",
            target="imagerag_pixart.generator:PixArtAlphaGenerator",
            config="imagerag_pixart.config:PixArtAlphaConfig",
            needs=NEEDS,
            keys=("HF_TOKEN",),
        ),
        Offer(
            name="pixart-sigma",
            summary="PixArt-Σ; text only, a baseline; long prompts, up to 300 tokens.",
            target="imagerag_pixart.generator:PixArtSigmaGenerator",
            config="imagerag_pixart.config:PixArtSigmaConfig",
            needs=NEEDS,
            keys=("HF_TOKEN",),
        ),
    ]


@hookimpl
def imagerag_conditioners() -> list[Offer]:
    """Offer the conditioner that passes the prompt on."""
    return [
        Offer(
            name="pixart",
            summary="The plain prompt, without references.",
            target="imagerag_pixart.conditioner:PixArtConditioner",
            config="imagerag_pixart.config:PixArtConditionerConfig",
        )
    ]


@hookimpl
def imagerag_presets() -> list[Preset]:
    """Offer a text-only baseline."""
    return [
        Preset(
            name="baseline-pixart",
            summary="PixArt-Σ from the prompt alone, to compare with (needs a GPU).",
            resource="imagerag_pixart:presets/baseline-pixart.toml",
        )
    ]
