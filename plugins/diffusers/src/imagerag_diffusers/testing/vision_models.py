"""A tiny autoencoder of the class that most pipelines decode with."""

from __future__ import annotations

from typing import Any


def autoencoder(channels: int = 4, blocks: int = 4, **more: Any) -> Any:
    """Return an `AutoencoderKL` of four narrow layers.

    Args:
        channels: Of its latents: 4 in SDXL and PixArt, 16 in FLUX.
        blocks: It makes pictures 2 ** (blocks - 1) times smaller; 4 is what most have.
        more: Other arguments of the class, for instance `scaling_factor` and `shift_factor`.
    """
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8,) * (blocks - 2) + (16, 16),
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=channels,
        **{"sample_size": 64, **more},
    ).eval()
