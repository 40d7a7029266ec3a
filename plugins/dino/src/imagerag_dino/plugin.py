"""What this distribution offers; importing it costs nothing."""

from __future__ import annotations

from imagerag.hooks import Offer, hookimpl


@hookimpl
def imagerag_metrics() -> list[Offer]:
    """Offer the metric."""
    return [
        Offer(
            name="dino",
            summary="Image-to-image cosine of each picture with real ones of its target concept",
            target="imagerag_dino.metric:DinoMetric",
            config="imagerag_dino.config:DinoMetricConfig",
            needs=("torch", "transformers", "safetensors"),
            keys=("HF_TOKEN",),
        )
    ]
