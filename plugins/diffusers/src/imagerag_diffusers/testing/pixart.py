"""A tiny text-to-image pipeline of a real class, to try the library itself on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagerag_diffusers.testing.text_models import t5_encoder, t5_tokenizer
from imagerag_diffusers.testing.vision_models import autoencoder


def save_pixart(folder: Path, pipeline: str = "PixArtSigmaPipeline", seed: int = 0) -> Path:
    """Save a tiny PixArt pipeline with random weights in `folder`, and return that.

    Args:
        folder: Where to; it is made.
        pipeline: The class, "PixArtAlphaPipeline" or "PixArtSigmaPipeline".
        seed: Equal seeds give equal weights.
    """
    import torch

    from imagerag_torch import guard_torchvision, seeded

    guard_torchvision()
    import diffusers

    from imagerag_diffusers.quiet import quiet

    with quiet(), seeded(seed), torch.no_grad():
        tokenizer = t5_tokenizer()
        kind = getattr(diffusers, pipeline)
        pipe = kind(
            tokenizer=tokenizer,
            text_encoder=t5_encoder(tokenizer),
            vae=autoencoder(),
            transformer=_transformer(),
            scheduler=diffusers.DPMSolverMultistepScheduler(),
        )
        pipe.save_pretrained(folder)
    return folder


def _transformer() -> Any:
    from diffusers import PixArtTransformer2DModel

    return PixArtTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        in_channels=4,
        out_channels=8,
        cross_attention_dim=16,
        caption_channels=16,
        sample_size=8,
        patch_size=2,
        use_additional_conditions=False,
    ).eval()
