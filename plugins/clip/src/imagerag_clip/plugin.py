"""What this distribution offers to imagerag."""

from __future__ import annotations

from imagerag.hooks import Offer, hookimpl

NEEDS = ("torch", "torchvision", "open_clip", "transformers", "safetensors")
KEYS = ("HF_TOKEN",)


@hookimpl
def imagerag_encoders() -> list[Offer]:
    """Offer the CLIP and SigLIP encoders."""
    return [
        Offer(
            name="clip",
            summary="CLIP vectors of texts and images, from a folder or a hub model (open_clip)",
            target="imagerag_clip.encoder:ClipEncoder",
            config="imagerag_clip.config:ClipEncoderConfig",
            needs=NEEDS,
            keys=KEYS,
        ),
        Offer(
            name="siglip",
            summary="SigLIP vectors of texts and images, from a folder or a hub model (open_clip)",
            target="imagerag_clip.encoder:ClipEncoder",
            config="imagerag_clip.config:SiglipEncoderConfig",
            needs=NEEDS,
            keys=KEYS,
        ),
    ]


@hookimpl
def imagerag_critics() -> list[Offer]:
    """Offer the local critic."""
    return [
        Offer(
            name="clip",
            summary="A local critic: scores each concept of a prompt against a contrast set",
            target="imagerag_clip.critic:ClipCritic",
            config="imagerag_clip.config:ClipCriticConfig",
            needs=NEEDS,
            keys=KEYS,
        )
    ]


@hookimpl
def imagerag_rerankers() -> list[Offer]:
    """Offer the CLIP and SigLIP re-rankers."""
    return [
        Offer(
            name="clip",
            summary="Orders hits anew by the text-image cosine of a CLIP of its own",
            target="imagerag_clip.reranker:ClipReranker",
            config="imagerag_clip.config:ClipRerankerConfig",
            needs=NEEDS,
            keys=KEYS,
        ),
        Offer(
            name="siglip",
            summary="Orders hits anew by the text-image cosine of a SigLIP of its own",
            target="imagerag_clip.reranker:SiglipReranker",
            config="imagerag_clip.config:SiglipRerankerConfig",
            needs=NEEDS,
            keys=KEYS,
        ),
    ]


@hookimpl
def imagerag_metrics() -> list[Offer]:
    """Offer the CLIP and SigLIP metrics."""
    return [
        Offer(
            name="clip",
            summary="CLIP's text-image cosine of each picture with its prompt, or with its target",
            target="imagerag_clip.metric:ClipMetric",
            config="imagerag_clip.config:ClipMetricConfig",
            needs=NEEDS,
            keys=KEYS,
        ),
        Offer(
            name="siglip",
            summary="SigLIP's text-image cosine of each picture with its prompt, or its target",
            target="imagerag_clip.metric:SiglipMetric",
            config="imagerag_clip.config:SiglipMetricConfig",
            needs=NEEDS,
            keys=KEYS,
        ),
    ]
