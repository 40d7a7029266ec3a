"""Tiny CLIPs with random weights, saved in the layout of the real ones, and pictures for them."""

from __future__ import annotations

import json
import string
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagerag.roles import Context

VISION = {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8}
TEXT = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
PREPROCESS = {
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}


def save_clip(folder: Path, model_cfg: dict, seed: int = 0, preprocess: dict = PREPROCESS) -> Path:
    """Save a CLIP with random weights as open_clip itself lays one out."""
    from imagerag_torch import guard_torchvision, seeded

    guard_torchvision()
    import open_clip
    import torch
    from safetensors.torch import save_file

    cfg = json.loads(json.dumps(model_cfg))
    build = {key: value for key, value in cfg.items() if key != "custom_text"}
    kind = open_clip.CustomTextCLIP if cfg.get("custom_text") else open_clip.CLIP
    folder.mkdir(parents=True, exist_ok=True)
    with seeded(seed):
        model = kind(**build)
        with torch.no_grad():  # random features of texts lie together; the scale tells them apart
            model.logit_scale.fill_(np.log(50.0))
    state = {name: value.contiguous().clone() for name, value in model.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")
    whole = {"model_cfg": model_cfg, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(whole, indent=1))
    return folder


def save_tokenizer(folder: Path) -> None:
    """Save a byte-level CLIPTokenizer of 514 tokens, which takes any text."""
    from imagerag_torch import guard_torchvision

    guard_torchvision()
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    characters = list(bytes_to_unicode().values())
    words = [*characters, *(c + "</w>" for c in characters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={word: at for at, word in enumerate(words)}, merges=[])
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory):
    """A CLIP with open_clip's own tokenizer."""
    model_cfg = {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": TEXT}
    return save_clip(tmp_path_factory.mktemp("clip"), model_cfg)


@pytest.fixture(scope="session")
def hf_clip_folder(tmp_path_factory):
    """A CLIP with a tokenizer of its own in its folder, as the sandbox has."""
    folder = tmp_path_factory.mktemp("hf-clip")
    save_tokenizer(folder)
    text = {**TEXT, "vocab_size": 514, "context_length": 64, "hf_tokenizer_name": "tokenizer"}
    return save_clip(folder, {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": text})


def save_t5_tokenizer(folder: Path) -> None:
    """Save what SigLIP has: a T5 tokenizer of SentencePiece's kind that pads with its end token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    letters = string.ascii_lowercase + string.ascii_uppercase + string.digits + string.punctuation
    words = [("\u2581" + word, -2.0) for word in ("", "a", "an", "owl", "dog")]
    special = [(word, 0.0) for word in ("<pad>", "</s>", "<unk>")]
    pieces = [*special, *words, *((letter, -4.0) for letter in letters)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "T5Tokenizer",
        "eos_token": "</s>",
        "pad_token": "</s>",
        "unk_token": "<unk>",
        "extra_ids": 0,
        "model_max_length": 64,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


@pytest.fixture(scope="session")
def siglip_folder(tmp_path_factory):
    """A SigLIP in the layout of the published ones: timm's tower with attention pooling, a text
    tower without causal mask that reads the last of 64 padded tokens, scale and bias."""
    folder = tmp_path_factory.mktemp("siglip")
    save_t5_tokenizer(folder)
    vision = {
        "image_size": 160,
        "timm_model_name": "test_vit",
        "timm_model_pretrained": False,
        "timm_pool": "map",
        "timm_proj": "none",
    }
    text = {
        **TEXT,
        "vocab_size": 128,
        "context_length": 64,
        "hf_tokenizer_name": "timm/ViT-B-16-SigLIP",
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
        "norm_kwargs": {"eps": 1e-6},
    }
    model_cfg = {
        "embed_dim": 64,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": vision,
        "text_cfg": text,
    }
    return save_clip(folder, model_cfg, preprocess={**PREPROCESS, "resize_mode": "squash"})


@pytest.fixture
def context(tmp_path):
    """A run without other components."""

    def component(role):
        raise AssertionError(f"nobody should ask for the {role}")

    return Context(component=component, cache_dir=tmp_path)


@pytest.fixture(scope="session")
def pictures():
    """Seven different pictures of different sizes."""
    numbers = np.random.default_rng(5)
    sizes = [(32, 32), (40, 24), (64, 80), (20, 20), (33, 31), (128, 64), (8, 8)]
    return [
        Image.fromarray(numbers.integers(0, 256, (height, width, 3), dtype=np.uint8))
        for width, height in sizes
    ]
