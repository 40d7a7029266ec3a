"""What is fetched of a hub model, and what of a folder is missing."""

from __future__ import annotations

import fnmatch
import json

import pytest

from imagerag.errors import WeightsError
from imagerag_diffusers.layout import pipeline_name, read_layout, wanted_files

PIPELINE = "PixArtSigmaPipeline"


@pytest.fixture
def folder(tmp_path):
    """A layout without content: only names matter here."""

    def write(files, index=None):
        for name in files:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        entries = {
            "_class_name": PIPELINE,
            "_diffusers_version": "0.42.1",
            "tokenizer": ["transformers", "T5Tokenizer"],
            "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
            "transformer": ["diffusers", "Transformer2DModel"],
            "text_encoder": ["transformers", "T5EncoderModel"],
            "image_encoder": [None, None],
            "requires_safety_checker": False,
        }
        (tmp_path / "model_index.json").write_text(json.dumps({**entries, **(index or {})}))
        return tmp_path

    return write


SMALL = ["tokenizer/spiece.model", "scheduler/scheduler_config.json"]
TRANSFORMER = "transformer/diffusion_pytorch_model"
PARTS = [f"text_encoder/model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]


def read(path, **more):
    return read_layout("the-model", path, [PIPELINE], **more)


def test_components_with_weights_are_told_from_those_without(folder):
    layout = read(folder([*SMALL, f"{TRANSFORMER}.safetensors", *PARTS]))
    assert layout.pipeline == PIPELINE
    assert layout.weighted == {"transformer": "diffusers", "text_encoder": "transformers"}


def test_a_missing_part_is_named(folder):
    path = folder([*SMALL, f"{TRANSFORMER}.safetensors", PARTS[0], PARTS[2]])
    with pytest.raises(WeightsError, match=r"'text_encoder' is in 3 parts, and part 2 is missing"):
        read(path)


@pytest.mark.parametrize(
    "name",
    [
        "model.fp16-00001-of-00001.safetensors",
        "model-00001-of-00001.fp16.safetensors",
        "model.fp16.safetensors",
    ],
)
def test_a_variant_is_found_under_each_of_its_names(folder, name):
    path = folder([*SMALL, f"{TRANSFORMER}.fp16.safetensors", f"text_encoder/{name}"])
    assert "text_encoder" in read(path, variant="fp16").weighted
    with pytest.raises(
        WeightsError, match=r"no transformer/diffusion_pytorch_model\.safetensors; there"
    ):
        read(path)


def test_what_the_plugin_brings_is_not_looked_for(folder):
    path = folder([*SMALL, f"{TRANSFORMER}.safetensors"])
    with pytest.raises(WeightsError, match=r"its index names 'text_encoder' \(T5EncoderModel\)"):
        read(path)
    assert list(read(path, given=["text_encoder"]).weighted) == ["transformer"]


def test_another_generators_model_is_sent_there(folder):
    path = folder(SMALL, {"_class_name": "PixArtAlphaPipeline"})
    with pytest.raises(WeightsError, match=r"Set generator\.use = 'pixart-alpha'"):
        read(path, elsewhere={"PixArtAlphaPipeline": "pixart-alpha"})
    with pytest.raises(WeightsError, match="imagerag plugins list --role generator"):
        read(path)


@pytest.mark.parametrize("text", ["", "[]", '{"vae": []}', "nonsense"])
def test_a_broken_index_is_named(tmp_path, text):
    (tmp_path / "model_index.json").write_text(text)
    assert pipeline_name(tmp_path) is None
    with pytest.raises(WeightsError, match="not in the layout of diffusers"):
        read(tmp_path)


PUBLISHED = [
    "README.md",
    "model_index.json",
    "pipeline.py",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model-00001-of-00002.safetensors",
    "text_encoder/model-00002-of-00002.safetensors",
    "text_encoder/model.fp16-00001-of-00001.safetensors",
    "text_encoder/model.safetensors.index.json",
    "text_encoder/pytorch_model.bin",
    "tokenizer/chat_template.jinja",
    "tokenizer/merges.txt",
    "tokenizer/spiece.model",
    "transformer/config.json",
    "transformer/diffusion_pytorch_model.bin",
    "transformer/diffusion_pytorch_model.fp16.safetensors",
    "transformer/diffusion_pytorch_model.safetensors",
    "transformer/modeling.py",
    "vae_decoder/model.onnx",
    "whole-model.safetensors",
]


@pytest.mark.parametrize(
    ("variant", "weights"),
    [
        (
            None,
            [
                "text_encoder/model-00001-of-00002.safetensors",
                "text_encoder/model-00002-of-00002.safetensors",
                "transformer/diffusion_pytorch_model.safetensors",
            ],
        ),
        (
            "fp16",
            [
                "text_encoder/model.fp16-00001-of-00001.safetensors",
                "transformer/diffusion_pytorch_model.fp16.safetensors",
            ],
        ),
    ],
)
def test_only_what_is_needed_is_fetched(variant, weights):
    patterns = wanted_files(["scheduler", "text_encoder", "tokenizer", "transformer"], variant)
    wanted = [
        name for name in PUBLISHED if any(fnmatch.fnmatchcase(name, given) for given in patterns)
    ]
    assert [name for name in wanted if name.endswith(".safetensors")] == weights
    assert [name for name in wanted if not name.endswith(".safetensors")] == [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/model.safetensors.index.json",
        "tokenizer/chat_template.jinja",
        "tokenizer/merges.txt",
        "tokenizer/spiece.model",
        "transformer/config.json",
    ]
