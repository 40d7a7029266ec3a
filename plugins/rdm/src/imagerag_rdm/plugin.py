"""What this distribution offers; importing it costs nothing."""

from __future__ import annotations

from imagerag.hooks import Offer, hookimpl


@hookimpl
def imagerag_generators() -> list[Offer]:
    """Offer the generator."""
    return [
        Offer(
            name="rdm",
            summary="Retrieval-augmented diffusion: up to 20 neighbours as CLIP embeddings.",
            target="imagerag_rdm.generator:RDMGenerator",
            config="imagerag_rdm.config:RDMConfig",
            needs=("torch", "diffusers", "transformers", "accelerate"),
            keys=("HF_TOKEN",),
        )
    ]


@hookimpl
def imagerag_conditioners() -> list[Offer]:
    """Offer the conditioner that speaks to it."""
    return [
        Offer(
            name="rdm",
            summary="The plain prompt, with the references as a set of neighbours.",
            target="imagerag_rdm.conditioner:RDMConditioner",
            config="imagerag_rdm.config:RDMConditionerConfig",
        )
    ]
