"""Train the VAE on training concepts, nameless glyphs and novel appearances only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from .config import Config
from .novel import invent
from .render import halve, paint_background, paste, random_pose
from .runtime import Average, Journal
from .world import World, build_world

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

SQUARED_STEPS = 400  # the first steps use the squared error: it finds colours sooner
LATENT_NOISE = 0.1  # in units of the latents' own deviation: what a sampler leaves behind


def build_vae(config: Config) -> AutoencoderKL:
    """An untrained autoencoder without attention."""
    from diffusers import AutoencoderKL

    channels = config.vae.channels
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        block_out_channels=tuple(channels),
        layers_per_block=1,
        latent_channels=config.vae.latent,
        norm_num_groups=8,
        sample_size=config.world.size,
        mid_block_add_attention=False,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )


def draw_pictures(
    world: World, config: Config, count: int, concepts: list[int], novel: float
) -> Tensor:
    """Pictures (count, 3, H, H) in [-1, 1] of the given sprites, a share of them novel mixes."""
    device = config.device
    source = torch.tensor(concepts, device=device)
    chosen = world.sprites[source[torch.randint(len(source), (count,), device=device)]]
    mixed = int(count * novel)
    if mixed:
        chosen = torch.cat([invent(world.sprites, source, mixed), chosen[mixed:]])
    colour = torch.randint(10, (count,), device=device)
    pattern = torch.randint(len(world.patterns), (count,), device=device)
    background = paint_background(colour, pattern, world.patterns, config.world.pool_size)
    pictures = paste(chosen, random_pose(config.world, count, device), background)
    return halve(pictures, config.world.size) * 2 - 1


def edges(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of neighbouring pixels along both axes."""
    return pictures[..., 1:] - pictures[..., :-1], pictures[..., 1:, :] - pictures[..., :-1, :]


def picture_loss(made: Tensor, truth: Tensor, squared: bool = False) -> Tensor:
    """Absolute error plus that of the gradients (edges are what an eye sees)."""
    if squared:
        return F.mse_loss(made, truth)
    pairs = zip(edges(made), edges(truth), strict=True)
    return F.l1_loss(made, truth) + sum(F.l1_loss(a, b) for a, b in pairs)


@torch.no_grad()
def peak_ratio(vae: AutoencoderKL, pictures: Tensor) -> float:
    """Mean peak signal-to-noise ratio in dB."""
    made = vae.decode(vae.encode(pictures).latent_dist.mode()).sample.clamp(-1, 1)
    error = ((made - pictures) / 2).square().mean((1, 2, 3))
    return float((-10 * error.log10()).mean())


def ratios(vae: AutoencoderKL, world: World, config: Config) -> dict[str, float]:
    """Figures on concepts seen and held out; the latter are never trained on."""
    torch.manual_seed(99)
    seen = peak_ratio(vae, draw_pictures(world, config, 512, world.trained, 0.0))
    unseen = peak_ratio(vae, draw_pictures(world, config, 512, world.held_out, 0.0))
    return {"psnr_seen": round(seen, 2), "psnr_held_out": round(unseen, 2)}


@torch.no_grad()
def latent_scale(
    vae: AutoencoderKL, world: World, config: Config
) -> tuple[list[float], list[float]]:
    """Mean and deviation of each latent channel over training pictures."""
    allowed = world.trained + world.nameless
    latents = vae.encode(draw_pictures(world, config, 1024, allowed, 0.4)).latent_dist.mode()
    flat = latents.transpose(0, 1).flatten(1)
    return flat.mean(1).tolist(), flat.std(1).tolist()


@torch.no_grad()
def fold_latents(vae: AutoencoderKL, mean: Tensor, deviation: Tensor) -> AutoencoderKL:
    """Let the VAE itself normalise its latents: `scaling_factor` is 1 and a pipeline need not know.

    Exact but for the decoder's border, where its first convolution now pads with the mean latent.
    """
    shift, scale = mean.flatten(), deviation.flatten()
    channels = len(scale)
    out = vae.encoder.conv_out
    out.weight[:channels] /= scale.view(-1, 1, 1, 1)
    out.bias[:channels] = (out.bias[:channels] - shift) / scale
    out.bias[channels:] -= 2 * scale.log()
    start = vae.decoder.conv_in
    start.bias += (start.weight * shift.view(1, -1, 1, 1)).sum((1, 2, 3))
    start.weight *= scale.view(1, -1, 1, 1)
    vae.register_to_config(scaling_factor=1.0, force_upcast=False)
    return vae


def train(config: Config) -> None:
    """Run or resume the stage; leaves `model.pt` (averaged weights) and figures."""
    torch.set_num_threads(config.vae.threads)
    torch.manual_seed(config.seed + 2)
    journal = Journal(config.work / "vae", config.vae.minutes)
    world = build_world(config)
    world.sprites.data = world.sprites.to(config.device)
    allowed = world.trained + world.nameless
    vae = build_vae(config).to(config.device)
    if config.device == "cpu":
        vae = vae.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(vae.parameters(), lr=config.vae.lr, weight_decay=0.01)
    average = Average(vae, 0.998)
    state = journal.resume()
    if state:
        vae.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        average.values = {k: v.to(config.device) for k, v in state["average"].items()}

    def parts() -> dict[str, object]:
        return {
            "model": vae.state_dict(),
            "optimiser": optimiser.state_dict(),
            "average": average.values,
        }

    while journal.progress < 1:
        warm = min(1.0, (journal.step + 1) / 100)
        for group in optimiser.param_groups:
            group["lr"] = (
                config.vae.lr * warm * (0.02 + 0.49 * (1 + math.cos(math.pi * journal.progress)))
            )
        pictures = draw_pictures(world, config, config.vae.batch, allowed, 0.4)
        if config.device == "cpu":
            pictures = pictures.contiguous(memory_format=torch.channels_last)
        spread = vae.encode(pictures).latent_dist
        latents = spread.mean
        deviation = latents.detach().std()
        noisy = latents + torch.randn_like(latents) * (LATENT_NOISE * deviation)
        made = vae.decode(noisy).sample
        # Not a prior to sample from, only a leash: latents near zero mean and unit variance.
        leash = latents.square().mean() * 1e-4 + spread.logvar.square().mean() * 1e-5
        loss = picture_loss(made, pictures, journal.step < SQUARED_STEPS) + leash
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        journal.step += 1
        journal.samples += config.vae.batch
        average.update(vae, journal.step)
        journal.log(loss=loss.item(), deviation=deviation.item())
        if journal.due(2):
            journal.save(parts())
    journal.save(parts())
    average.copy_to(vae)
    mean, deviation_list = latent_scale(vae, world, config)
    figures = ratios(vae, world, config)
    torch.save({"model": vae.state_dict()}, journal.folder / "model.pt")
    journal.finish(**figures, latent_mean=mean, latent_std=deviation_list)
