"""Sampling outside diffusers' pipeline, for grids and for choosing settings during training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .adapter import ReferenceAdapter

if TYPE_CHECKING:
    from diffusers import DDIMScheduler, UNet2DConditionModel


def build_scheduler() -> DDIMScheduler:
    """v-prediction from pure noise, so that a plain background gets the colour it should have."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
        clip_sample=False,
        set_alpha_to_one=False,
    )


def predict(
    unet: UNet2DConditionModel,
    adapter: ReferenceAdapter,
    noisy: Tensor,
    times: Tensor,
    text: tuple[Tensor, Tensor],
    image: Tensor,
    scale: Tensor,
) -> Tensor:
    """The U-Net's velocity for samples with text states, image states and adapter scales (B,)."""
    adapter.context.tokens = adapter.tokens(image)
    adapter.context.scale = scale[:, None, None]
    side = float(unet.config.sample_size) * 4
    sizes = torch.tensor([side, side, 0.0, 0.0, side, side], device=noisy.device)
    added = {"text_embeds": text[1], "time_ids": sizes.expand(len(noisy), -1)}
    return unet(noisy, times, text[0], added_cond_kwargs=added).sample


@torch.no_grad()
def sample(
    unet: UNet2DConditionModel,
    adapter: ReferenceAdapter,
    text: tuple[Tensor, Tensor],
    no_text: tuple[Tensor, Tensor],
    image: Tensor,
    no_image: Tensor,
    scale: float,
    steps: int = 20,
    guidance: float = 3.0,
    seed: int = 0,
) -> Tensor:
    """Latents (B, C, h, w) by DDIM with guidance, as the pipeline samples them."""
    scheduler = build_scheduler()
    scheduler.set_timesteps(steps)
    count, config = len(image), unet.config
    generator = torch.Generator().manual_seed(seed)
    shape = (count, config.in_channels, config.sample_size, config.sample_size)
    latents = torch.randn(shape, generator=generator).to(image.device)
    states = torch.cat([no_text[0].expand(count, -1, -1), text[0]])
    pooled = torch.cat([no_text[1].expand(count, -1), text[1]])
    images = torch.cat([no_image.expand(count, -1, -1), image])
    scales = torch.full((2 * count,), scale, device=image.device)
    for time in scheduler.timesteps:
        times = time.expand(2 * count).to(image.device)
        both = torch.cat([latents, latents])
        velocity = predict(unet, adapter, both, times, (states, pooled), images, scales)
        without, with_text = velocity.chunk(2)
        guided = without + guidance * (with_text - without)
        latents = scheduler.step(guided, time, latents).prev_sample
    return latents


def save_grid(columns: list[Tensor], path: Path, zoom: int = 3) -> None:
    """Rows of pictures (B, 3, H, W) in [0, 1] side by side, enlarged, as PNG."""
    side = max(column.shape[-1] for column in columns)
    sized = [torch.nn.functional.interpolate(c, size=(side, side)) for c in columns]
    rows = torch.cat([torch.cat(list(row), dim=-1) for row in zip(*sized, strict=True)], dim=-2)
    pixels = (rows.permute(1, 2, 0).cpu().numpy() * 255).round().astype(np.uint8)
    image = Image.fromarray(pixels)
    image.resize((image.width * zoom, image.height * zoom), Image.Resampling.NEAREST).save(path)
