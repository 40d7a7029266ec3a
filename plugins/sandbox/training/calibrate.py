"""Write the local critic's contrast set, and calibrate its thresholds on training concepts only.

It runs after the export and needs nothing but what ships. Pictures of the pool pass through the VAE
first, since everything the critic will judge has come out of that decoder.

What a generator paints of a thing it does not know has the right colours and the wrong shape. So
the absent ones are of two sorts: another concept is asked for, or the same concept of a picture
whose shape has been undone (warped and smeared, the colours kept). The thresholds it prints belong
into `presets/sandbox.toml`.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import torch
from PIL import Image, ImageFilter

from imagerag import Registry
from imagerag.config import load
from imagerag.roles import Context
from imagerag_clip.calibrate import Labelled, best_threshold, measure, score
from imagerag_clip.critic import ClipCritic
from imagerag_sandbox.prompts import World, load_world
from imagerag_torch import guard_torchvision

from .config import Config

DATA = Path(__file__).parents[1] / "src" / "imagerag_sandbox" / "data"
WRONG = 3
"""Labels of absent concepts for each picture."""

FALSE_ALARMS = 0.1
"""Share of shown concepts that may be called missing. A false alarm costs a second picture, which
`keep = "best"` then weighs against the first; a miss loses what retrieval could have given."""


def write_contrast(world: World) -> None:
    """Write every name of the world by kind: what a concept is told apart from.

    "something" is what the critic's CLIP learned to call a picture that shows no concept.
    """
    names = {"object": [*world.concepts, "something"], "background": list(world.backgrounds)}
    text = json.dumps(names, indent=1, ensure_ascii=False) + "\n"
    (DATA / "contrast.json").write_text(text, encoding="utf-8")


def decoded(pictures: list[Image.Image]) -> list[Image.Image]:
    """Return pictures as the generator's VAE paints them, 32 by 32 pixels."""
    guard_torchvision()
    import numpy as np
    from diffusers import AutoencoderKL

    vae = AutoencoderKL.from_pretrained(DATA / "sdxl" / "vae", torch_dtype=torch.float32)
    side = 32
    small = [p.convert("RGB").resize((side, side), Image.Resampling.BICUBIC) for p in pictures]
    batch = torch.from_numpy(np.stack([np.asarray(p) for p in small])).permute(0, 3, 1, 2)
    with torch.no_grad():
        latents = vae.encode(batch.float() / 127.5 - 1).latent_dist.mode()
        made = ((vae.decode(latents).sample / 2 + 0.5).clamp(0, 1) * 255).round().byte()
    return [Image.fromarray(row) for row in made.permute(0, 2, 3, 1).numpy()]


def undone(picture: Image.Image, draw: random.Random) -> Image.Image:
    """Return the picture with its colours in place and its shape undone."""
    side = picture.width
    cells = 4
    step = side // cells
    mesh = []
    for x in range(cells):
        for y in range(cells):
            corners = [(x, y), (x, y + 1), (x + 1, y + 1), (x + 1, y)]
            quad = [c * step + draw.uniform(-0.8, 0.8) * step for at in corners for c in at]
            box = (x * step, y * step, (x + 1) * step, (y + 1) * step)
            mesh.append((box, tuple(min(max(c, 0), side) for c in quad)))
    warped = picture.transform(picture.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)
    return warped.filter(ImageFilter.GaussianBlur(1.2))


def labelled(world: World, seed: int) -> dict[str, list[Labelled]]:
    """Return labelled pictures by kind; no held-out concept is in them."""
    draw = random.Random(seed)
    common = set(world.common)
    rows = [json.loads(line) for line in (DATA / "pool" / "metadata.jsonl").open(encoding="utf-8")]
    known = [(row, name) for row in rows if (name := concept_of(row, world)) in common]
    pool = [Image.open(DATA / "pool" / row["file_name"]).convert("RGB") for row, _ in known]
    pictures = decoded(pool)
    smeared = decoded([undone(picture, draw) for picture in pool])
    samples: dict[str, list[Labelled]] = {"object": [], "background": []}
    for (row, name), picture, other in zip(known, pictures, smeared, strict=True):
        samples["object"].append(Labelled(other, name, False, "object"))
        shown = next(g for g in world.backgrounds if row["text"].endswith(f" {g}"))
        for kind, right, names in (
            ("object", name, world.common),
            ("background", shown, world.backgrounds),
        ):
            wrong = draw.sample([n for n in names if n != right], WRONG)
            samples[kind].append(Labelled(picture, right, True, kind))
            samples[kind] += [Labelled(picture, n, False, kind) for n in wrong]
    return samples


def allowing(probabilities: list[float], present: list[bool], share: float) -> float:
    """Return the highest threshold that calls at most `share` of the present ones missing."""
    shown = sorted(p for p, there in zip(probabilities, present, strict=True) if there)
    return shown[int(share * len(shown))]


def concept_of(row: dict[str, str], world: World) -> str:
    """Return the concept that a line of the pool's metadata names."""
    phrase = row["text"].rpartition(" on ")[0]
    return next((name for name in world.concepts if world.phrases[name] == phrase), "")


def train(config: Config) -> None:
    """Write the contrast set, calibrate each kind, and leave what was found as figures."""
    world = load_world()
    write_contrast(world)
    options = load("sandbox", Registry()).components["critic"]
    critic = ClipCritic(options, Context(component=_nobody, cache_dir=Path()))
    found = {}
    for kind, samples in labelled(world, seed=0).items():
        probabilities = score(critic, samples)
        present = [sample.present for sample in samples]
        cautious = allowing(probabilities, present, FALSE_ALARMS)
        found[kind] = {
            "balanced": vars(best_threshold(probabilities, present)),
            "cautious": vars(measure(probabilities, present, cautious)),
            "configured": vars(measure(probabilities, present, options.thresholds[kind])),
        }
    print(json.dumps(found, indent=2))
    folder = config.work / "calibrate"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "figures.json").write_text(json.dumps(found, indent=1) + "\n")


def _nobody(role: str) -> object:
    raise LookupError(role)
