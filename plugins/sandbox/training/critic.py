"""Train the critic's own CLIP: another seed and shape, and pictures that show no known thing.

The generator reads the text tower of the sandbox's first CLIP. Asked for what it does not know, it
paints something that this very CLIP takes for the real thing: their errors are one error. So the
critic looks with other eyes. And since a draft may show no known thing at all, part of the training
pictures show none: their shape has been undone, or they are made of several glyphs. They are
called "something", which the critic's contrast set then offers as an answer. Part of the pictures
pass through the VAE, as every draft does.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from .clip import draw_batch, top_one
from .config import Config
from .encoder import build_clip, normalise, read, see
from .export import export_clip, rounded
from .frozen import load_vae
from .novel import invent
from .render import halve, paint_background, paste, random_pose
from .runtime import Average, Journal
from .texts import ANY, Captioner, agreement
from .tokens import build_tokenizer
from .world import World, background_phrase, build_world

SOMETHING = "something"
UNKNOWN_SHARE = 0.33  # of a batch: pictures that show no concept
UNDONE_SHARE = 0.6  # of those: a concept whose shape has been undone; the rest are made of several
DECODED_SHARE = 0.5  # of batches: passed through the VAE
SMEAR = 0.28  # of the picture's half side: deviation of the displacement that undoes a shape


def critic_config(config: Config) -> Config:
    """The first CLIP's configuration with larger patches: cheaper, and another architecture."""
    patch = config.clip.patch * 2
    minutes = config.clip.minutes / 2
    return replace(
        config, seed=config.seed + 100, clip=replace(config.clip, patch=patch, minutes=minutes)
    )


def undone(pictures: Tensor) -> Tensor:
    """Pictures (B, 3, H, H) displaced by a smooth random field: colours stay, the shape goes."""
    count, side = len(pictures), pictures.shape[-1]
    coarse = torch.randn(count, 2, 5, 5, device=pictures.device) * SMEAR
    field = F.interpolate(coarse, size=(side, side), mode="bicubic", align_corners=True)
    axis = torch.linspace(-1, 1, side, device=pictures.device)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    grid = torch.stack([x, y], dim=-1) + field.permute(0, 2, 3, 1)
    return F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=True)


def draw_unknown(world: World, config: Config, count: int) -> tuple[Tensor, Tensor]:
    """Pictures of nothing in particular, and their truth: concept `len(names)`."""
    smeared = int(count * UNDONE_SHARE)
    first, truth = draw_batch(world, config, smeared, 0)
    device = config.device
    every = torch.arange(len(world.sprites), device=device)
    rest = count - smeared
    colour = torch.randint(10, (rest,), device=device)
    pattern = torch.randint(len(world.patterns), (rest,), device=device)
    ground = paint_background(colour, pattern, world.patterns, config.world.pool_size)
    pose = random_pose(config.world, rest, device)
    made = halve(paste(invent(world.sprites, every, rest), pose, ground), config.world.size)
    concept = torch.full((count,), len(world.names), device=device)
    places = torch.cat([truth[:, 1:], torch.stack([colour, pattern], dim=1)])
    return torch.cat([undone(first), made]), torch.cat([concept[:, None], places], dim=1)


def describe(captioner: Captioner, row: list[int]) -> tuple[str, tuple[int, int, int]]:
    """A true text of a picture and its claims; "something" for one that shows no concept."""
    world, (concept, colour, pattern) = captioner.world, row
    if concept < len(world.names):
        return captioner.describe(concept, colour, pattern)
    draw = captioner.random.random()
    if draw < 0.4:
        return world.caption(SOMETHING, colour, pattern), (concept, colour, pattern)
    if draw < 0.5:
        text = background_phrase(captioner.colours[colour], world.patterns[pattern])
        return text, (ANY, colour, pattern)
    names = [SOMETHING, f"a {SOMETHING}", f"a photo of {SOMETHING}"]
    return captioner.random.choice(names), (concept, ANY, ANY)


def train(config: Config) -> None:
    """Run or resume the stage, then write `data/critic` as open_clip loads it."""
    config = critic_config(config)
    torch.set_num_threads(config.clip.threads)
    torch.manual_seed(config.seed)
    journal = Journal(config.work / "critic", config.clip.minutes)
    world = build_world(replace(config, seed=config.seed - 100))
    tokenizer = build_tokenizer(world, config.clip.context)
    captioner = Captioner(world, tokenizer, config.seed)
    vae, _, deviation = load_vae(config)
    model = build_clip(config, len(tokenizer)).to(config.device)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=config.clip.lr, weight_decay=0.05, betas=(0.9, 0.98)
    )
    average = Average(model, 0.998)
    state = journal.resume()
    if state:
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        average.values = state["average"]
    unknown = int(config.clip.batch * UNKNOWN_SHARE)
    while journal.progress < 1:
        warm = min(1.0, (journal.step + 1) / 100)
        fall = 0.02 + 0.49 * (1 + math.cos(math.pi * journal.progress))
        for group in optimiser.param_groups:
            group["lr"] = config.clip.lr * warm * fall
        known, truth = draw_batch(world, config, config.clip.batch - unknown, 0)
        strange, strange_truth = draw_unknown(world, config, unknown)
        pictures, truth = torch.cat([known, strange]), torch.cat([truth, strange_truth])
        if captioner.random.random() < DECODED_SHARE:
            with torch.no_grad():
                latents = vae.encode(pictures * 2 - 1).latent_dist.mode()
                # A generator's latents are never quite right.
                latents = latents + 0.15 * deviation * torch.randn_like(latents)
                pictures = (vae.decode(latents).sample / 2 + 0.5).clamp(0, 1)
        told = [describe(captioner, row) for row in truth.tolist()]
        claims = torch.tensor([claim for _, claim in told], device=config.device)
        tokens = captioner.pad([text for text, _ in told]).to(config.device)
        seen, _ = see(model, normalise(pictures))
        scale = model.logit_scale.clamp(max=math.log(50)).exp()
        logits = scale * read(model, tokens) @ seen.T
        count = len(pictures)
        true_too = agreement(claims, truth) & ~torch.eye(count, dtype=torch.bool)
        logits = logits.masked_fill(true_too.to(config.device), -1e4)
        index = torch.arange(count, device=config.device)
        loss = (F.cross_entropy(logits, index) + F.cross_entropy(logits.T, index)) / 2
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        journal.step += 1
        journal.samples += count
        average.update(model, journal.step)
        journal.log(contrast=loss.item())
        if journal.due(2):
            journal.save(
                {
                    "model": model.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "average": average.values,
                }
            )
            print("top-1", top_one(model, world, config, captioner), flush=True)
    average.copy_to(model)
    export_clip(rounded(model), tokenizer, config, config.data / "critic")
    journal.finish(top_1=top_one(model, world, config, captioner))
