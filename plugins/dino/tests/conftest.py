"""Tiny DINOs with random weights, saved in the layout of the published ones, and pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagerag.roles import Context
from imagerag_dino import DinoMetric
from imagerag_dino.config import DinoMetricConfig

SIZE = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "image_size": 56,
    "patch_size": 14,
}
SHORTEST, CROP = 64, 56
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def save_dino(folder: Path, kind: str, seed: int = 0) -> Path:
    """Save a DINO of transformers' class `kind`, with the preprocessing that DINOv2 publishes."""
    from imagerag_torch import guard_torchvision, seeded

    guard_torchvision()
    import torch
    import transformers
    from safetensors.torch import save_file

    config = getattr(transformers, kind.replace("Model", "Config"))(**SIZE)
    with seeded(seed):
        model = getattr(transformers, kind)(config)
        with torch.no_grad():  # freshly initialised layers hardly change the class token
            for name, weight in model.named_parameters():
                if weight.ndim > 1 and "embeddings" not in name:
                    weight.mul_(8)
    folder.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(folder)
    state = {name: value.contiguous().clone() for name, value in model.state_dict().items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    published = {
        "crop_size": {"height": CROP, "width": CROP},
        "do_center_crop": True,
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": MEAN,
        "image_processor_type": "BitImageProcessor",
        "image_std": STD,
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"shortest_edge": SHORTEST},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(published))
    return folder


@pytest.fixture(scope="session")
def dino_folder(tmp_path_factory):
    """A `Dinov2Model`."""
    return save_dino(tmp_path_factory.mktemp("dinov2"), "Dinov2Model")


@pytest.fixture(scope="session")
def registers_folder(tmp_path_factory):
    """A `Dinov2WithRegistersModel`."""
    return save_dino(tmp_path_factory.mktemp("registers"), "Dinov2WithRegistersModel")


@pytest.fixture(scope="session")
def first_folder(tmp_path_factory):
    """A `ViTModel`, as the first DINO is one."""
    return save_dino(tmp_path_factory.mktemp("vit"), "ViTModel")


@pytest.fixture(params=["dino_folder", "registers_folder", "first_folder"])
def any_dino(request):
    """One folder for each class that is read."""
    return request.getfixturevalue(request.param)


def block(number: int, size: tuple[int, int] = (64, 64)) -> Image.Image:
    """Return a picture of coloured blocks, another one for each number."""
    pixels = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST)


@pytest.fixture(scope="session")
def pictures():
    """Six different pictures of different sizes."""
    sizes = [(64, 64), (90, 60), (60, 90), (128, 128), (56, 64), (200, 64)]
    return [block(number, size) for number, size in enumerate(sizes)]


@pytest.fixture
def real(tmp_path, pictures):
    """A folder of real pictures: three of owls, one of a top hat."""
    for name, some in {"owl": pictures[:3], "Top_Hat": pictures[3:4]}.items():
        folder = tmp_path / "real" / name
        folder.mkdir(parents=True)
        for at, picture in enumerate(some):
            picture.save(folder / f"{at}.png")
    return tmp_path / "real"


@pytest.fixture
def context(tmp_path):
    """A run without other components."""

    def component(role):
        raise AssertionError(f"nobody should ask for the {role}")

    return Context(component=component, cache_dir=tmp_path / "cache")


@pytest.fixture
def build(dino_folder, context):
    """Make metrics on the tiny Dinov2Model, closed at the end."""
    made = []

    def one(**options):
        config = DinoMetricConfig(**{"model": str(dino_folder), **options})
        made.append(DinoMetric(config, context))
        return made[-1]

    yield one
    for metric in made:
        metric.close()
