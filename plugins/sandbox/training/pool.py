"""Render the pool that ships: every concept several times, with captions, licence and source."""

from __future__ import annotations

import json
import random
import shutil

import numpy as np
import torch
from PIL import Image

from .config import Config
from .render import paint_background, paste, random_pose
from .world import COLOURS, World, build_world, write_world

LICENCE = "OFL-1.1"
CREATOR = "Google (Noto Color Emoji)"
SOURCE = "https://github.com/googlefonts/noto-emoji"


def render_pool(world: World, config: Config) -> None:
    """Write `pool/NNNN.webp`, in an order that gives no concept away, and `metadata.jsonl`."""
    state = torch.random.get_rng_state()
    torch.manual_seed(config.seed + 77)
    shuffled = random.Random(config.seed + 77)
    repeats = config.world.per_concept
    order = [concept for concept in range(len(world.names)) for _ in range(repeats)]
    shuffled.shuffle(order)
    folder = config.data / "pool"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    colours = list(COLOURS)
    lines = []
    for start in range(0, len(order), 100):
        concepts = order[start : start + 100]
        colour = torch.randint(10, (len(concepts),))
        pattern = torch.randint(len(world.patterns), (len(concepts),))
        side = config.world.pool_size
        background = paint_background(colour, pattern, world.patterns, side)
        pose = random_pose(config.world, len(concepts))
        pictures = paste(world.sprites[concepts], pose, background)
        pixels = (pictures.permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
        for i, concept in enumerate(concepts):
            name = f"{start + i:04d}.webp"
            Image.fromarray(pixels[i]).save(folder / name, lossless=True, quality=100, method=6)
            c, p = int(colour[i]), int(pattern[i])
            facts = {
                "file_name": name,
                "text": world.caption(world.phrases[concept], c, p),
                "licence": LICENCE,
                "creator": CREATOR,
                "source": SOURCE,
                "tags": [
                    f"concept={world.names[concept]}",
                    f"background={world.patterns[p]} {colours[c]}",
                ],
            }
            lines.append(json.dumps(facts))
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n")
    torch.random.set_rng_state(state)


def train(config: Config) -> None:
    """Run the stage: `world.json` and the pool."""
    world = build_world(config)
    write_world(world, config)
    render_pool(world, config)
    done = config.work / "pool"
    done.mkdir(parents=True, exist_ok=True)
    size = sum(path.stat().st_size for path in (config.data / "pool").iterdir())
    facts = {"pictures": len(world.names) * config.world.per_concept, "bytes": size}
    (done / "figures.json").write_text(json.dumps(facts) + "\n")
