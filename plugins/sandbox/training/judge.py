"""Train the independent judge on all concepts, with generic augmentations of its own.

They are what any camera or codec does (blur, noise, blocks, colour, crop, size), chosen before the
generator existed; nothing here is fitted to what a generator paints.
"""

from __future__ import annotations

import json
import math
import sys

import torch
import torch.nn.functional as F
from torch import Tensor

from .config import HERE, Config
from .render import halve, paint_background, paste, random_pose, resize_like_pil
from .runtime import Journal
from .world import COLOURS, World, build_world

sys.path.insert(0, str(HERE.parent / "src"))

from imagerag_sandbox.judge import build_network


def draw_labelled(world: World, config: Config, count: int) -> tuple[Tensor, Tensor]:
    """Fresh pictures (B, 3, H, H) in [0, 1] and (concept, colour, pattern) of each."""
    device = config.device
    concept = torch.randint(len(world.names), (count,), device=device)
    colour = torch.randint(10, (count,), device=device)
    pattern = torch.randint(len(world.patterns), (count,), device=device)
    background = paint_background(colour, pattern, world.patterns, config.world.pool_size)
    pictures = paste(world.sprites[concept], random_pose(config.world, count, device), background)
    resize = resize_like_pil if torch.rand(()) < 0.5 else halve
    labels = torch.stack([concept, colour, pattern], dim=1)
    return resize(pictures, config.world.size), labels


def augment(pictures: Tensor) -> Tensor:
    """Generic wear of pictures, each kind on a random part of the batch."""
    count, _, side, _ = pictures.shape
    device = pictures.device

    def chosen(share: float) -> Tensor:
        return torch.rand(count, 1, 1, 1, device=device) < share

    zoom = 1 + (torch.rand(count, device=device) - 0.5) * 0.2
    theta = torch.zeros(count, 2, 3, device=device)
    theta[:, 0, 0], theta[:, 1, 1] = zoom, zoom
    theta[:, :, 2] = (torch.rand(count, 2, device=device) - 0.5) * 0.15
    grid = F.affine_grid(theta, list(pictures.shape), align_corners=False)
    moved = F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    x = torch.where(chosen(0.5), moved, pictures)
    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    weight = torch.rand(count, 1, 1, 1, device=device)
    x = torch.where(chosen(0.4), x * weight + blurred * (1 - weight), x)
    coarse = F.interpolate(
        F.interpolate(x, size=side * 5 // 8, mode="area"), size=side, mode="bilinear"
    )
    x = torch.where(chosen(0.2), coarse, x)
    blocks = F.interpolate(F.avg_pool2d(x, 4), scale_factor=4.0)
    x = torch.where(chosen(0.25), x + (blocks - x) * 0.4 * torch.rand_like(weight), x)
    gain = 1 + (torch.rand(count, 3, 1, 1, device=device) - 0.5) * 0.16
    x = x * gain + (torch.rand(count, 1, 1, 1, device=device) - 0.5) * 0.12
    noise = torch.randn_like(x) * (torch.rand(count, 1, 1, 1, device=device) * 0.07)
    return torch.where(chosen(0.5), x + noise, x).clamp(0, 1)


@torch.no_grad()
def accuracy(network: torch.nn.Module, world: World, config: Config) -> dict[str, float]:
    """Accuracy on fresh pictures, without augmentation: the ceiling of every figure."""
    network.eval()
    state = torch.random.get_rng_state()
    torch.manual_seed(1234)
    held = torch.tensor(world.held_out, device=config.device)
    right, right_held, total_held = torch.zeros(3), 0, 0
    for _ in range(16):
        pictures, labels = draw_labelled(world, config, 256)
        parts = network(pictures).split([len(world.names), 10, len(world.patterns)], dim=1)
        hits = torch.stack([p.argmax(1) == labels[:, i] for i, p in enumerate(parts)], dim=1)
        right += hits.float().mean(0).cpu()
        mine = torch.isin(labels[:, 0], held)
        right_held += int(hits[mine, 0].sum())
        total_held += int(mine.sum())
    network.train()
    torch.random.set_rng_state(state)
    names = ("concept", "colour", "pattern")
    found = {name: round(float(v) / 16, 4) for name, v in zip(names, right, strict=True)}
    return found | {"concept_held_out": round(right_held / total_held, 4)}


def train(config: Config) -> None:
    """Run or resume the stage; leaves the exported judge and figures."""
    torch.set_num_threads(config.judge.threads)
    torch.manual_seed(config.seed + 1000)
    journal = Journal(config.work / "judge", config.judge.minutes)
    world = build_world(config)
    world.sprites.data = world.sprites.to(config.device)
    channels = config.judge.channels
    network = build_network(channels, len(world.names), 10, len(world.patterns)).to(config.device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.judge.lr, weight_decay=0.05)
    state = journal.resume()
    if state:
        network.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])

    def parts() -> dict[str, object]:
        return {"model": network.state_dict(), "optimiser": optimiser.state_dict()}

    while journal.progress < 1:
        warm = min(1.0, (journal.step + 1) / 100)
        fall = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * journal.progress))
        for group in optimiser.param_groups:
            group["lr"] = config.judge.lr * warm * fall
        pictures, labels = draw_labelled(world, config, config.judge.batch)
        scores = network(augment(pictures))
        cuts = scores.split([len(world.names), 10, len(world.patterns)], dim=1)
        losses = [
            F.cross_entropy(cut, labels[:, i], label_smoothing=0.05) for i, cut in enumerate(cuts)
        ]
        loss = losses[0] + 0.3 * losses[1] + 0.3 * losses[2]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        journal.step += 1
        journal.samples += config.judge.batch
        journal.log(loss=loss.item())
        if journal.due(2):
            journal.save(parts())
            print("accuracy", accuracy(network, world, config), flush=True)
    journal.save(parts())
    export(network, world, config)
    journal.finish(**accuracy(network, world, config))


def export(network: torch.nn.Module, world: World, config: Config) -> None:
    """Write the judge as `Judge` of the shipped package loads it."""
    from safetensors.torch import save_file

    folder = config.data / "judge"
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        key: value.detach().cpu().half().contiguous() if value.is_floating_point() else value.cpu()
        for key, value in network.state_dict().items()
    }
    save_file(state, folder / "model.safetensors")
    facts = {
        "channels": config.judge.channels,
        "size": config.world.size,
        "concepts": world.names,
        "colours": list(COLOURS),
        "patterns": world.patterns,
    }
    (folder / "config.json").write_text(json.dumps(facts, indent=1) + "\n")
