"""Tiny models of the very classes, random weights, saved in the layouts their owners publish."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from imagerag.roles import Context
from imagerag.values import Guidance, Reference
from imagerag_sdxl.config import SDXLConfig
from imagerag_sdxl.generator import SDXLGenerator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let pass what diffusers' schedulers do to numpy 2; it is not ours to mend."""
    ignored = pytest.mark.filterwarnings(
        "ignore:__array__ implementation:DeprecationWarning:diffusers.*"
    )
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(ignored)


TEXT = (16, 24)
CROSS = sum(TEXT)
VIT_H = {"hidden_size": 40, "projection_dim": 32}
BIG_G = {"hidden_size": 48, "projection_dim": 40}
"""Like the published pair, where 1280 is ViT-H's hidden size and ViT-bigG's projection."""


@dataclass(frozen=True)
class Published:
    """Folders in the published layouts."""

    model: Path
    adapter: Path


def _tokenizer() -> Any:
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    characters = list(bytes_to_unicode().values())
    words = [*characters, *(c + "</w>" for c in characters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: number for number, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)


def _text_encoder(width: int, projected: bool, vocabulary: int) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=TEXT[1],
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).eval()


def _unet(cross: int = CROSS) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(16, 32, 32),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 1, 1),
        attention_head_dim=(2, 2, 2),
        use_linear_projection=True,
        cross_attention_dim=cross,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + TEXT[1],
    ).eval()


def _vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=64,
    ).eval()


def save_image_encoder(folder: Path, hidden_size: int, projection_dim: int) -> None:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=hidden_size,
        projection_dim=projection_dim,
        intermediate_size=2 * hidden_size,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
    )
    CLIPVisionModelWithProjection(config).eval().save_pretrained(folder)


def adapter_weights(kind: str, inputs: int, unet: Any, cross: int = CROSS) -> dict[str, Any]:
    """Return an adapter's tensors under the names of the published files."""
    import torch

    def linear(rows: int, columns: int) -> Any:
        return torch.randn(rows, columns) / columns**0.5

    def norm(prefix: str, size: int) -> dict[str, Any]:
        return {f"{prefix}.weight": torch.ones(size), f"{prefix}.bias": torch.zeros(size)}

    tensors: dict[str, Any] = {}
    if kind == "plain":
        tensors["image_proj.proj.weight"] = linear(4 * cross, inputs)
        tensors["image_proj.proj.bias"] = torch.zeros(4 * cross)
        tensors |= norm("image_proj.norm", cross)
    else:
        width, inner = 32, 64
        tensors["image_proj.latents"] = torch.randn(1, 4, width)
        tensors["image_proj.proj_in.weight"] = linear(width, inputs)
        tensors["image_proj.proj_in.bias"] = torch.zeros(width)
        tensors["image_proj.proj_out.weight"] = linear(cross, width)
        tensors["image_proj.proj_out.bias"] = torch.zeros(cross)
        tensors |= norm("image_proj.norm_out", cross)
        for layer in range(4):
            name = f"image_proj.layers.{layer}"
            tensors |= norm(f"{name}.0.norm1", width) | norm(f"{name}.0.norm2", width)
            tensors[f"{name}.0.to_q.weight"] = linear(inner, width)
            tensors[f"{name}.0.to_kv.weight"] = linear(2 * inner, width)
            tensors[f"{name}.0.to_out.weight"] = linear(width, inner)
            tensors |= norm(f"{name}.1.0", width)
            tensors[f"{name}.1.1.weight"] = linear(4 * width, width)
            tensors[f"{name}.1.3.weight"] = linear(width, 4 * width)
    number = 1
    for name in unet.attn_processors:
        if name.endswith("attn2.processor"):
            rows = unet.get_submodule(name.removesuffix(".processor")).to_k.out_features
            tensors[f"ip_adapter.{number}.to_k_ip.weight"] = linear(rows, cross)
            tensors[f"ip_adapter.{number}.to_v_ip.weight"] = 2 * linear(rows, cross)
            number += 2
    return tensors


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """An SDXL folder and an IP-Adapter folder, as on the hub but tiny."""
    import torch

    from imagerag_torch import guard_torchvision

    guard_torchvision()
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline
    from safetensors.torch import save_file

    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("published")
    tokenizer, unet = _tokenizer(), _unet()
    pipe = StableDiffusionXLPipeline(
        vae=_vae(),
        text_encoder=_text_encoder(TEXT[0], False, len(tokenizer)),
        text_encoder_2=_text_encoder(TEXT[1], True, len(tokenizer)),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
        add_watermarker=False,
    )
    pipe.save_pretrained(root / "sdxl")
    adapter = root / "ip-adapter"
    save_image_encoder(adapter / "models/image_encoder", **VIT_H)
    save_image_encoder(adapter / "sdxl_models/image_encoder", **BIG_G)
    for name, kind, inputs in (
        ("ip-adapter-plus_sdxl_vit-h", "plus", VIT_H["hidden_size"]),
        ("ip-adapter_sdxl_vit-h", "plain", VIT_H["projection_dim"]),
        ("ip-adapter_sdxl", "plain", BIG_G["projection_dim"]),
    ):
        path = adapter / "sdxl_models" / f"{name}.safetensors"
        save_file(adapter_weights(kind, inputs, unet), path)
    return Published(root / "sdxl", adapter)


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Another shape of SDXL: one text encoder, eight latent channels, 32 pixels, v-prediction."""
    import torch

    from imagerag_torch import guard_torchvision

    guard_torchvision()
    from diffusers import (
        AutoencoderKL,
        DDIMScheduler,
        StableDiffusionXLPipeline,
        UNet2DConditionModel,
    )
    from safetensors.torch import save_file

    torch.manual_seed(1)
    root = tmp_path_factory.mktemp("small-world")
    tokenizer = _tokenizer()
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=8,
        out_channels=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2,
        transformer_layers_per_block=(1, 1),
        attention_head_dim=(2, 2),
        use_linear_projection=True,
        cross_attention_dim=TEXT[1],
        addition_embed_type="text_time",
        addition_time_embed_dim=16,
        projection_class_embeddings_input_dim=6 * 16 + TEXT[1],
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 16),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=8,
    )
    StableDiffusionXLPipeline(
        vae=vae.eval(),
        text_encoder=None,
        text_encoder_2=_text_encoder(TEXT[1], True, len(tokenizer)),
        tokenizer=None,
        tokenizer_2=tokenizer,
        unet=unet.eval(),
        scheduler=DDIMScheduler(
            prediction_type="v_prediction",
            timestep_spacing="trailing",
            rescale_betas_zero_snr=True,
            clip_sample=False,
            set_alpha_to_one=False,
        ),
        add_watermarker=False,
    ).save_pretrained(root / "sdxl")
    save_image_encoder(root / "ip-adapter/image_encoder", **VIT_H)
    tensors = adapter_weights("plus", VIT_H["hidden_size"], unet, TEXT[1])
    save_file(tensors, root / "ip-adapter/ip-adapter-plus.safetensors")
    return Published(root / "sdxl", root / "ip-adapter")


class Progress(list[tuple[str, int, int]]):
    """Collects progress events as a context's `progress`."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.append((stage, done, total))


@pytest.fixture
def progress() -> Progress:
    """What a generator reported, as (stage, done, total)."""
    return Progress()


@pytest.fixture(scope="session")
def adapter_tensors() -> Callable[[str, int, int], dict[str, Any]]:
    """Make the tensors of an adapter of a kind, an encoder's width and a text width."""
    from imagerag_torch import guard_torchvision

    guard_torchvision()
    return lambda kind, inputs, cross: adapter_weights(kind, inputs, _unet(cross), cross)


Make = Callable[..., SDXLGenerator]


@pytest.fixture(scope="session")
def make(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Build a generator on the tiny models; equal options share one, so that loads stay few."""
    made: dict[str, SDXLGenerator] = {}

    def build(*, fresh: bool = False, progress: Any = None, **options: Any) -> SDXLGenerator:
        options = {
            "model": str(published.model),
            "adapter": str(published.adapter),
            "steps": 2,
            "size": (64, 64),
            "device": "cpu",
            **options,
        }
        key = repr(sorted(options.items()))
        if not fresh and progress is None and key in made:
            return made[key]
        context = Context(
            component=lambda role: pytest.fail(f"asked for {role}"),
            cache_dir=tmp_path_factory.mktemp("cache"),
            progress=(lambda stage, done, total: None) if progress is None else progress,
        )
        generator = SDXLGenerator(SDXLConfig(**options), context)
        if not fresh and progress is None:
            made[key] = generator
        return generator

    return build


def _picture(ground: str, shape: str) -> Image.Image:
    picture = Image.new("RGB", (48, 40), ground)
    ImageDraw.Draw(picture).ellipse((8, 6, 40, 34), fill=shape)
    return picture


@pytest.fixture(scope="session")
def references() -> tuple[Reference, ...]:
    """Four references that differ in every pixel that matters."""
    return tuple(
        Reference(_picture(ground, shape), caption=f"a {shape} ball")
        for ground, shape in (
            ("white", "red"),
            ("black", "yellow"),
            ("green", "blue"),
            ("orange", "purple"),
        )
    )


@pytest.fixture
def say() -> Callable[..., Guidance]:
    """Write guidance in one line."""

    def guidance(
        prompt: str = "a hedgehog", *shown: Reference, seed: int = 0, **rest: Any
    ) -> Guidance:
        return Guidance(prompt, seed, references=shown, **rest)

    return guidance


@pytest.fixture(scope="session")
def difference() -> Callable[[Image.Image, Image.Image], float]:
    """Mean absolute difference of two pictures, 0 to 255."""
    import numpy as np

    def measured(a: Image.Image, b: Image.Image) -> float:
        return float(np.abs(np.asarray(a, "float32") - np.asarray(b, "float32")).mean())

    return measured
