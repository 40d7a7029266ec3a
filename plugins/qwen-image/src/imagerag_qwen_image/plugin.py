"""What this distribution offers; importing it costs nothing."""

from __future__ import annotations

from imagerag.hooks import Offer, hookimpl


@hookimpl
def imagerag_generators() -> list[Offer]:
    """Offer the generator."""
    return [
        Offer(
            name="qwen-image-edit",
            summary="Qwen-Image-Edit (2509, 2511); 1 to 3 images in context, and edits. "
            "Apache-2.0, 58 GB.",
            target="imagerag_qwen_image.generator:QwenImageEditGenerator",
            config="imagerag_qwen_image.config:QwenImageEditConfig",
            needs=("torch", "torchvision", "diffusers", "transformers", "accelerate"),
            keys=("HF_TOKEN",),
        )
    ]


@hookimpl
def imagerag_conditioners() -> list[Offer]:
    """Offer the conditioner that speaks to it."""
    return [
        Offer(
            name="qwen-image",
            summary="Images by number (Picture 1 shows …), each with its caption.",
            target="imagerag_qwen_image.conditioner:QwenImageConditioner",
            config="imagerag_qwen_image.config:QwenImageConditionerConfig",
        )
    ]
