"""What this distribution offers; importing it costs nothing."""

from __future__ import annotations

from imagerag.hooks import Offer, Preset, hookimpl


@hookimpl
def imagerag_generators() -> list[Offer]:
    """Offer the strategy as a generator."""
    return [
        Offer(
            name="grape",
            summary="Generate, plan, edit: a painter, the critic as planner, an editor (GraPE).",
            target="imagerag_grape.generator:GrapeGenerator",
            config="imagerag_grape.config:GrapeConfig",
        )
    ]


@hookimpl
def imagerag_conditioners() -> list[Offer]:
    """Offer the conditioner that tells the planner the user's own prompt."""
    return [
        Offer(
            name="grape",
            summary="The painter's wording, with the bare prompt beside it for the planner.",
            target="imagerag_grape.conditioner:GrapeConditioner",
            config="imagerag_grape.config:GrapeConditionerConfig",
        )
    ]


@hookimpl
def imagerag_presets() -> list[Preset]:
    """Offer the paper's configuration with OmniGen."""
    return [
        Preset(
            name="grape-omnigen",
            summary="GraPE on OmniGen as in the paper: GPT-4o plans (needs a GPU and a key).",
            resource="imagerag_grape:presets/grape-omnigen.toml",
        )
    ]
