"""For tests: a tiny RDM of the very classes, in the layout in which it is published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WIDTH = 24
"""Of CLIP's embeddings, and of what the U-Net attends to: 768 in the published model."""


def clip(tokenizer: Any, width: int = WIDTH) -> Any:
    """Return a `CLIPModel` with two layers in each tower, and larger weights than it begins with.

    A freshly initialised CLIP of this size gives all pictures nearly the same vector.
    """
    import torch
    from transformers import CLIPConfig, CLIPModel

    vocabulary = len(tokenizer)
    layers = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    config = CLIPConfig(
        text_config={
            **layers,
            "num_attention_heads": 2,
            "vocab_size": vocabulary,
            "max_position_embeddings": 77,
            "bos_token_id": vocabulary - 2,
            "eos_token_id": vocabulary - 1,
            "pad_token_id": vocabulary - 1,
        },
        vision_config={**layers, "num_attention_heads": 2, "image_size": 32, "patch_size": 8},
        projection_dim=width,
    )
    model = CLIPModel(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and "position" not in name:
                weight.mul_(8)
    return model


def unet(channels: int = 4, width: int = WIDTH) -> Any:
    """Return a `UNet2DConditionModel` with cross-attention at every level, as is published."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=8,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2,
        attention_head_dim=(2, 4),
        cross_attention_dim=width,
    ).eval()


def save_rdm(folder: Path, *, vq: bool = False, seed: int = 0) -> Path:
    """Save a tiny model with random weights in `folder`, and return that.

    Args:
        folder: Where to; it is made.
        vq: Whether the autoencoder is a `VQModel`, as the ImageNet models have it.
        seed: Equal seeds give equal weights.
    """
    import torch

    from imagerag_torch import guard_torchvision, seeded

    guard_torchvision()
    from diffusers import DDIMScheduler, VQModel
    from transformers import CLIPImageProcessor

    from imagerag_diffusers.quiet import quiet
    from imagerag_diffusers.testing import autoencoder, clip_tokenizer
    from imagerag_rdm.pipeline import RDMPipeline

    with quiet(), seeded(seed), torch.no_grad():
        tokenizer = clip_tokenizer()
        vae = (
            VQModel(
                block_out_channels=(8, 16),
                down_block_types=("DownEncoderBlock2D",) * 2,
                up_block_types=("UpDecoderBlock2D",) * 2,
                norm_num_groups=4,
                latent_channels=3,
                num_vq_embeddings=32,
            ).eval()
            if vq
            else autoencoder()
        )
        pipe = RDMPipeline(
            vae=vae,
            clip=clip(tokenizer),
            tokenizer=tokenizer,
            unet=unet(3 if vq else 4),
            # As published: LDM's schedule from 0.0015 to 0.015.
            scheduler=DDIMScheduler(
                beta_start=0.0015,
                beta_end=0.015,
                beta_schedule="scaled_linear",
                clip_sample=False,
                set_alpha_to_one=True,
                steps_offset=1,
            ),
            feature_extractor=CLIPImageProcessor(size=32, crop_size=32),
        )
        pipe.save_pretrained(folder)
    # Published configurations are older than these keys: what they lack has to be known here.
    config = folder / "vae/config.json"
    values = json.loads(config.read_text(encoding="utf-8"))
    values.pop("scaling_factor")
    config.write_text(json.dumps(values), encoding="utf-8")
    return folder
