"""Tiny models of the very classes, random weights, saved in the published layout."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagerag.values import Guidance, Reference
from imagerag_diffusers.testing import Maker
from imagerag_rdm.config import RDMConfig
from imagerag_rdm.generator import RDMGenerator

WIDTH = 24
"""Of CLIP's embeddings, and of what the U-Net attends to: 768 in the published model."""


def clip(tokenizer: Any, width: int = WIDTH) -> Any:
    """A `CLIPModel` with two layers in each tower, and wider weights than its own first ones.

    A freshly initialised CLIP of this size gives all pictures nearly the same vector.
    """
    import torch
    from transformers import CLIPConfig, CLIPModel

    vocabulary = len(tokenizer)
    layers = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    config = CLIPConfig(
        text_config={
            **layers,
            "num_attention_heads": 2,
            "vocab_size": vocabulary,
            "max_position_embeddings": 77,
            "bos_token_id": vocabulary - 2,
            "eos_token_id": vocabulary - 1,
            "pad_token_id": vocabulary - 1,
        },
        vision_config={**layers, "num_attention_heads": 2, "image_size": 32, "patch_size": 8},
        projection_dim=width,
    )
    model = CLIPModel(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and "position" not in name:
                weight.mul_(8)
    return model


def unet(channels: int = 4, width: int = WIDTH) -> Any:
    """A `UNet2DConditionModel` with cross-attention at every level, as the published one has."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=8,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2,
        attention_head_dim=(2, 4),
        cross_attention_dim=width,
    ).eval()


def save_rdm(folder: Path, *, vq: bool = False, seed: int = 0) -> Path:
    """Save a tiny model with random weights in `folder`, and return that.

    Args:
        folder: Where to; it is made.
        vq: Whether the autoencoder is a `VQModel`, as the ImageNet models have it.
        seed: Equal seeds give equal weights.
    """
    import torch

    from imagerag_torch import guard_torchvision, seeded

    guard_torchvision()
    from diffusers import DDIMScheduler, VQModel
    from transformers import CLIPImageProcessor

    from imagerag_diffusers.quiet import quiet
    from imagerag_diffusers.testing import autoencoder, clip_tokenizer
    from imagerag_rdm.pipeline import RDMPipeline

    with quiet(), seeded(seed), torch.no_grad():
        tokenizer = clip_tokenizer()
        vae = (
            VQModel(
                block_out_channels=(8, 16),
                down_block_types=("DownEncoderBlock2D",) * 2,
                up_block_types=("UpDecoderBlock2D",) * 2,
                norm_num_groups=4,
                latent_channels=3,
                num_vq_embeddings=32,
            ).eval()
            if vq
            else autoencoder()
        )
        pipe = RDMPipeline(
            vae=vae,
            clip=clip(tokenizer),
            tokenizer=tokenizer,
            unet=unet(3 if vq else 4),
            # As published: LDM's schedule from 0.0015 to 0.015.
            scheduler=DDIMScheduler(
                beta_start=0.0015,
                beta_end=0.015,
                beta_schedule="scaled_linear",
                clip_sample=False,
                set_alpha_to_one=True,
                steps_offset=1,
            ),
            feature_extractor=CLIPImageProcessor(size=32, crop_size=32),
        )
        pipe.save_pretrained(folder)
    # Published configurations are older than these keys: what they lack has to be known here.
    config = folder / "vae/config.json"
    values = json.loads(config.read_text(encoding="utf-8"))
    values.pop("scaling_factor")
    config.write_text(json.dumps(values), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the published layout."""
    return save_rdm(tmp_path_factory.mktemp("published") / "rdm")


@pytest.fixture(scope="session")
def published_vq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a VQ autoencoder that halves a picture's sides."""
    return save_rdm(tmp_path_factory.mktemp("published") / "rdm-vq", vq=True)


@pytest.fixture(scope="session")
def make(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Maker[RDMGenerator]:
    """Build a generator on the tiny model."""
    defaults = {"model": str(published), "steps": 2, "size": (64, 64), "device": "cpu"}
    return Maker(RDMGenerator, RDMConfig, tmp_path_factory.mktemp("cache"), defaults)


def picture(number: int) -> Image.Image:
    """A picture of sixteen fields whose colours follow from the number."""
    colours = hashlib.shake_256(f"picture {number}".encode()).digest(48)
    return Image.frombytes("RGB", (4, 4), colours).resize((48, 40), Image.Resampling.NEAREST)


@pytest.fixture(scope="session")
def neighbours() -> tuple[Reference, ...]:
    """Twenty references, all different."""
    return tuple(Reference(picture(number), f"picture {number}") for number in range(20))


@pytest.fixture
def say() -> Callable[..., Guidance]:
    """Write guidance in one line."""

    def guidance(
        prompt: str = "a hedgehog", *shown: Reference, seed: int = 0, **rest: Any
    ) -> Guidance:
        return Guidance(prompt, seed, references=shown, **rest)

    return guidance


@pytest.fixture
def guidances(neighbours: tuple[Reference, ...]) -> list[Guidance]:
    """Seven that do not fit one call."""
    return [
        Guidance("a hedgehog", 0),
        Guidance("a hedgehog", 1),
        Guidance("a red car", 2, references=neighbours[:1]),
        Guidance("a tree by a lake", 3, references=neighbours[:3], width=64, height=96),
        Guidance("a cat", 4, references=neighbours[3:5]),
        Guidance("a cat", 4, references=neighbours[3:5], options={"query": "none"}),
        Guidance("a dog", 5, references=neighbours[5:7]),
    ]


@pytest.fixture(scope="session")
def save_clip() -> Callable[[Path, int], None]:
    """Save a tiny CLIP of another width over one that is there."""

    def save(folder: Path, width: int) -> None:
        from imagerag_diffusers.quiet import quiet
        from imagerag_diffusers.testing import clip_tokenizer

        with quiet():
            clip(clip_tokenizer(), width).save_pretrained(folder)

    return save
