"""What this distribution offers; importing it costs nothing."""

from __future__ import annotations

from imagerag.hooks import Offer, Preset, hookimpl

NEEDS = ("torch", "diffusers", "transformers", "accelerate")


def _generator(name: str, summary: str, target: str, config: str) -> Offer:
    return Offer(
        name=name,
        summary=summary,
        target=f"imagerag_flux.{target}",
        config=f"imagerag_flux.config:{config}",
        needs=NEEDS,
        keys=("HF_TOKEN",),
    )


def _conditioner(name: str, summary: str, target: str, config: str) -> Offer:
    return Offer(
        name=name,
        summary=summary,
        target=f"imagerag_flux.conditioners:{target}",
        config=f"imagerag_flux.config:{config}",
    )


@hookimpl
def imagerag_generators() -> list[Offer]:
    """Offer the generators."""
    return [
        _generator(
            "flux", "FLUX.1 schnell or dev; text only.", "flux1:FluxGenerator", "FluxConfig"
        ),
        _generator(
            "flux-kontext",
            "FLUX.1 Kontext; one image in context, and edits of it.",
            "kontext:FluxKontextGenerator",
            "FluxKontextConfig",
        ),
        _generator(
            "flux-redux",
            "FLUX.1 with Redux; images as a part of the prompt, each with a strength.",
            "redux:FluxReduxGenerator",
            "FluxReduxConfig",
        ),
        _generator(
            "flux2-klein",
            "FLUX.2 klein; up to 4 images in context, and edits. Apache-2.0.",
            "klein:Flux2KleinGenerator",
            "Flux2KleinConfig",
        ),
    ]


@hookimpl
def imagerag_conditioners() -> list[Offer]:
    """Offer the conditioners that speak to them."""
    return [
        _conditioner(
            "flux",
            "The plain prompt, without references.",
            "FluxConditioner",
            "FluxConditionerConfig",
        ),
        _conditioner(
            "flux-kontext",
            "The paper's wording for one image in context.",
            "FluxKontextConditioner",
            "FluxKontextConditionerConfig",
        ),
        _conditioner(
            "flux-redux",
            "The paper's wording for image prompts, with a strength for each.",
            "FluxReduxConditioner",
            "FluxReduxConditionerConfig",
        ),
        _conditioner(
            "flux2",
            "Images by number (image 1, image 2), each with its caption.",
            "Flux2Conditioner",
            "Flux2ConditionerConfig",
        ),
    ]


@hookimpl
def imagerag_presets() -> list[Preset]:
    """Offer the paper's FLUX configuration."""
    return [
        Preset(
            name="paper-flux",
            summary="ImageRAG on FLUX.1 with one image in context, after the paper (GPU and keys).",
            resource="imagerag_flux:presets/paper-flux.toml",
        )
    ]
