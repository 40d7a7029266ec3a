"""Train a SigLIP beside the CLIP: the same world, a sigmoid for each pair instead of a softmax.

The sandbox compares ways to retrieve, and the paper's are CLIP and SigLIP (arXiv 2303.15343). So
this one has what sets SigLIP apart: its loss with a learned bias, a text tower that sees the whole
padded text and reads its last token, pictures that are squashed and centred on one half. It has a
seed of its own, and the larger patches of the critic.
"""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .clip import draw_batch
from .config import Config
from .encoder import model_config
from .export import rounded
from .runtime import Average, Journal
from .texts import Captioner, agreement
from .tokens import build_tokenizer
from .world import NAME_TEMPLATES, World, build_world

HALF = (0.5, 0.5, 0.5)  # mean and deviation of SigLIP's preprocessing
SCALE, BIAS = math.log(10), -10.0  # starting values, arXiv 2303.15343, section 3.2


def siglip_config(config: Config) -> Config:
    """The CLIP's configuration with larger patches and a seed of its own."""
    clip = replace(config.clip, patch=config.clip.patch * 2)
    return replace(config, seed=config.seed + 200, clip=clip)


def siglip_model(config: Config, vocabulary: int) -> dict[str, Any]:
    """open_clip's `model_cfg`."""
    made = model_config(config, vocabulary)
    made["text_cfg"] |= {"no_causal_mask": True, "pool_type": "last", "proj_bias": True}
    made["vision_cfg"] |= {"pool_type": "avg", "final_ln_after_pool": True}
    return made | {"custom_text": True, "init_logit_scale": SCALE, "init_logit_bias": BIAS}


def build_siglip(config: Config, vocabulary: int) -> Any:
    """An untrained model."""
    from open_clip import CustomTextCLIP

    made = siglip_model(config, vocabulary)
    made.pop("custom_text")
    return CustomTextCLIP(**made)


def pad(captioner: Captioner, texts: list[str], context: int) -> Tensor:
    """Token ids (B, context): SigLIP reads the last place, padded as it is."""
    rows = [captioner.ids(text)[:context] for text in texts]
    return torch.tensor([row + [row[-1]] * (context - len(row)) for row in rows])


def sigmoid_loss(model: Any, seen: Tensor, read: Tensor, true: Tensor) -> Tensor:
    """Mean over pictures of the summed log-losses of all pairs; `true` (texts, pictures)."""
    logits = model.logit_scale.exp() * read @ seen.T + model.logit_bias
    sign = true.float() * 2 - 1
    return -F.logsigmoid(sign * logits).sum() / len(seen)


@torch.no_grad()
def top_one(model: Any, world: World, config: Config, captioner: Captioner) -> float:
    """Share of fresh pictures whose best name among all concepts is the right one."""
    names = torch.stack(
        [
            model.encode_text(
                pad(captioner, [t.format(name=p) for p in world.phrases], config.clip.context).to(
                    config.device
                ),
                normalize=True,
            )
            for t in NAME_TEMPLATES[:2]
        ]
    ).mean(0)
    right = 0
    for _ in range(8):
        pictures, truth = draw_batch(world, config, 256, 0)
        guess = (model.encode_image(pictures * 2 - 1, normalize=True) @ names.T).argmax(dim=1)
        right += int((guess == truth[:, 0]).sum())
    return right / (8 * 256)


def export(model: Any, tokenizer: Any, config: Config, folder: Path) -> None:
    """`siglip/` for `open_clip.create_model_from_pretrained("local-dir:…")`."""
    from safetensors.torch import save_file

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    state = {key: value.half().contiguous() for key, value in model.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors", metadata={"format": "pt"})
    (folder / "open_clip_model.safetensors").chmod(0o644)
    made = siglip_model(config, len(tokenizer))
    made["text_cfg"]["hf_tokenizer_name"] = "."
    facts = {
        "model_cfg": made,
        "preprocess_cfg": {
            "size": config.world.size,
            "mean": HALF,
            "std": HALF,
            "interpolation": "bicubic",
            "resize_mode": "squash",
        },
    }
    (folder / "open_clip_config.json").write_text(json.dumps(facts, indent=1) + "\n")
    tokenizer.save_pretrained(folder)


def train(config: Config) -> None:
    """Run or resume the stage, then write `data/siglip` as open_clip loads it."""
    config = siglip_config(config)
    torch.set_num_threads(config.clip.threads)
    torch.manual_seed(config.seed)
    journal = Journal(config.work / "siglip", config.clip.minutes)
    world = build_world(replace(config, seed=config.seed - 200))
    tokenizer = build_tokenizer(world, config.clip.context)
    captioner = Captioner(world, tokenizer, config.seed)
    model = build_siglip(config, len(tokenizer)).to(config.device)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=config.clip.lr, weight_decay=0.05, betas=(0.9, 0.95)
    )
    average = Average(model, 0.998)
    state = journal.resume()
    if state:
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        average.values = state["average"]
    while journal.progress < 1:
        warm = min(1.0, (journal.step + 1) / 200)
        fall = 0.02 + 0.49 * (1 + math.cos(math.pi * journal.progress))
        for group in optimiser.param_groups:
            group["lr"] = config.clip.lr * warm * fall
        pictures, truth = draw_batch(world, config, config.clip.batch, 0)
        told = [captioner.describe(*row) for row in truth.tolist()]
        claims = torch.tensor([claim for _, claim in told], device=config.device)
        tokens = pad(captioner, [text for text, _ in told], config.clip.context)
        seen = model.encode_image(pictures * 2 - 1, normalize=True)
        read = model.encode_text(tokens.to(config.device), normalize=True)
        loss = sigmoid_loss(model, seen, read, agreement(claims, truth))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        journal.step += 1
        journal.samples += len(pictures)
        average.update(model, journal.step)
        journal.log(sigmoid=loss.item(), scale=model.logit_scale.exp().item())
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
    export(rounded(model), tokenizer, config, config.data / "siglip")
    journal.finish(top_1=top_one(model, world, config, captioner))
