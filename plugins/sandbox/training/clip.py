"""Train the CLIP on all concepts: captions, bare names, and tokens that keep what a patch shows."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .config import Config
from .encoder import PatchProbe, build_clip, normalise, read, see
from .novel import invent
from .render import halve, paint_background, paste, random_pose, resize_like_pil
from .runtime import Average, Journal
from .texts import Captioner, agreement
from .tokens import build_tokenizer
from .world import NAME_TEMPLATES, World, build_world

NAMELESS_SHARE = 0.2  # of a batch: novel appearances, for the patch tokens only


def draw_batch(world: World, config: Config, named: int, novel: int) -> tuple[Tensor, Tensor]:
    """Pictures (named + novel, 3, H, H) in [0, 1], and (concept, colour, pattern) of the named."""
    device = config.device
    sprites = world.sprites
    concept = torch.randint(len(world.names), (named,), device=device)
    chosen = sprites[concept]
    if novel:
        every = torch.arange(len(sprites), device=device)
        chosen = torch.cat([chosen, invent(sprites, every, novel)])
    count = named + novel
    colour = torch.randint(10, (count,), device=device)
    pattern = torch.randint(len(world.patterns), (count,), device=device)
    background = paint_background(colour, pattern, world.patterns, config.world.pool_size)
    pictures = paste(chosen, random_pose(config.world, count, device), background)
    side = config.world.size
    resize = resize_like_pil if torch.rand(()) < 0.5 else halve
    return resize(pictures, side), torch.stack([concept, colour[:named], pattern[:named]], dim=1)


@torch.no_grad()
def top_one(model: object, world: World, config: Config, captioner: Captioner) -> float:
    """Share of fresh pictures whose best name among all concepts is the right one."""
    names = torch.stack(
        [
            read(model, captioner.pad([t.format(name=p) for p in world.phrases]).to(config.device))
            for t in NAME_TEMPLATES[:2]
        ]
    ).mean(0)
    right = 0
    for _ in range(8):
        pictures, truth = draw_batch(world, config, 256, 0)
        guess = (see(model, normalise(pictures))[0] @ names.T).argmax(dim=1)
        right += int((guess == truth[:, 0]).sum())
    return right / (8 * 256)


def train(config: Config) -> None:
    """Run or resume the stage; leaves `model.pt` (averaged weights) and figures."""
    torch.set_num_threads(config.clip.threads)
    torch.manual_seed(config.seed + 1)
    journal = Journal(config.work / "clip", config.clip.minutes)
    world = build_world(config)
    world.sprites.data = world.sprites.to(config.device)
    tokenizer = build_tokenizer(world, config.clip.context)
    captioner = Captioner(world, tokenizer, config.seed)
    model = build_clip(config, len(tokenizer)).to(config.device)
    patches = (config.world.size // config.clip.patch) ** 2
    probe = PatchProbe(config.clip, patches).to(config.device)
    parameters = [*model.parameters(), *probe.parameters()]
    optimiser = torch.optim.AdamW(
        parameters, lr=config.clip.lr, weight_decay=0.05, betas=(0.9, 0.98)
    )
    average = Average(model, 0.998)
    state = journal.resume()
    if state:
        model.load_state_dict(state["model"])
        probe.load_state_dict(state["probe"])
        optimiser.load_state_dict(state["optimiser"])
        average.values = {k: v.to(config.device) for k, v in state["average"].items()}

    def parts() -> dict[str, object]:
        return {
            "model": model.state_dict(),
            "probe": probe.state_dict(),
            "optimiser": optimiser.state_dict(),
            "average": average.values,
        }

    novel = int(config.clip.batch * NAMELESS_SHARE)
    named = config.clip.batch - novel
    while journal.progress < 1:
        warm = min(1.0, (journal.step + 1) / 100)
        for group in optimiser.param_groups:
            group["lr"] = (
                config.clip.lr * warm * (0.02 + 0.49 * (1 + math.cos(math.pi * journal.progress)))
            )
        pictures, truth = draw_batch(world, config, named, novel)
        told = [captioner.describe(*row) for row in truth.tolist()]
        claims = torch.tensor([claim for _, claim in told], device=config.device)
        tokens = captioner.pad([text for text, _ in told]).to(config.device)
        seen, kept = see(model, normalise(pictures))
        scale = model.logit_scale.clamp(max=math.log(50)).exp()
        logits = scale * read(model, tokens) @ seen[:named].T
        true_too = agreement(claims, truth) & ~torch.eye(
            named, dtype=torch.bool, device=config.device
        )
        logits = logits.masked_fill(true_too, -1e4)
        index = torch.arange(named, device=config.device)
        contrast = (F.cross_entropy(logits, index) + F.cross_entropy(logits.T, index)) / 2
        pixels, place = probe(kept, pictures)
        loss = contrast + 4 * pixels + 0.1 * place
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        journal.step += 1
        journal.samples += named + novel
        average.update(model, journal.step)
        journal.log(contrast=contrast.item(), pixels=pixels.item(), place=place.item())
        if journal.due(2):
            journal.save(parts())
            print("top-1", top_one(model, world, config, captioner), flush=True)
    journal.save(parts())
    average.copy_to(model)
    torch.save(
        {"model": model.state_dict(), "probe": probe.state_dict()}, journal.folder / "model.pt"
    )
    journal.finish(top_1=top_one(model, world, config, captioner))
