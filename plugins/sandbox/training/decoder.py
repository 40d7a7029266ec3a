"""Fine-tune the decoder of the folded VAE, its encoder frozen: sharper pictures, same latents."""

from __future__ import annotations

import math

import torch

from .config import Config
from .frozen import load_vae
from .parallel import Team
from .runtime import Average, Journal
from .vae import draw_pictures, fold_latents, picture_loss, ratios
from .world import build_world

NOISE = 0.05  # of a latent's deviation: less than in the first training, for sharpness


def train(config: Config) -> None:
    """Run or resume the stage; leaves `model.pt` (the whole VAE) and figures before and after."""
    journal = Journal(config.work / "decoder", config.decoder.minutes)
    team = Team(config.decoder.processes, journal.folder)
    torch.set_num_threads(max(1, config.decoder.threads // team.count))
    world = build_world(config)
    world.sprites.data = world.sprites.to(config.device)
    allowed = world.trained + world.nameless
    vae = fold_latents(*load_vae(config))
    before = ratios(vae, world, config)
    parameters = list(vae.decoder.requires_grad_(True).parameters())
    optimiser = torch.optim.AdamW(parameters, lr=config.decoder.lr, weight_decay=0.0)
    average = Average(vae.decoder, 0.998)
    state = journal.resume()
    if state:
        vae.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        average.values = {k: v.to(config.device) for k, v in state["average"].items()}
    torch.manual_seed(config.seed + 4 + 1000 * team.rank + journal.step)
    progress = journal.progress
    while progress < 1:
        warm = min(1.0, (journal.step + 1) / 50)
        fall = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress))
        for group in optimiser.param_groups:
            group["lr"] = config.decoder.lr * warm * fall
        pictures = draw_pictures(world, config, config.decoder.batch // team.count, allowed, 0.4)
        with torch.no_grad():
            latents = vae.encode(pictures).latent_dist.mode()
        made = vae.decode(latents + torch.randn_like(latents) * NOISE).sample
        loss = picture_loss(made, pictures)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        progress = team.agree(parameters, journal.progress)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        journal.step += 1
        journal.samples += len(pictures) * team.count
        average.update(vae.decoder, journal.step)
        if not team.leads:
            continue
        journal.log(loss=loss.item())
        if journal.due(2):
            journal.save(
                {
                    "model": vae.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "average": average.values,
                }
            )
    if not team.leads:
        return
    average.copy_to(vae.decoder)
    torch.save({"model": vae.state_dict()}, journal.folder / "model.pt")
    journal.finish(before=before, **ratios(vae, world, config))
