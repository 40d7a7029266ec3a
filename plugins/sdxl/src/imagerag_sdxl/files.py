"""Which files make up the model and the adapter, and where they are on this machine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from imagerag.errors import WeightsError
from imagerag_sdxl.published import revision_of

if TYPE_CHECKING:
    from imagerag_sdxl.config import SDXLConfig

WEIGHTS = {
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
    "text_encoder_2": "model",
}
"""Components of the model that have weights, with the stem of their files."""

TOKENIZERS = ("tokenizer", "tokenizer_2")


@dataclass(frozen=True)
class Places:
    """Where everything is: `encoder` and `adapter` are None for a text-only model."""

    model: Path
    adapter: Path | None = None
    encoder: Path | None = None


def find(config: SDXLConfig) -> Places:
    """Return where the configured weights are, fetching them from the hub where necessary.

    Raises:
        ConfigError: A hub id has no pinned revision.
        WeightsError: Weights are missing, cannot be fetched, or are of an unsafe format.
        CredentialsError: The hub wants a token.
    """
    from imagerag_torch import resolve_weights

    model = resolve_weights(
        config.model, revision_of(config.model, config.revision), _model_files(config.variant)
    )
    _check_model(config, model)
    if not config.takes_references:
        return Places(model)
    weights, encoder = adapter_files(config)
    adapter = resolve_weights(
        config.adapter,
        revision_of(config.adapter, config.adapter_revision),
        (weights, f"{encoder}/config.json", f"{encoder}/model.safetensors"),
    )
    if not (adapter / encoder / "model.safetensors").is_file():
        raise WeightsError(
            f"The adapter {config.adapter!r} has no image encoder: there is no "
            f"{encoder + '/model.safetensors'!r}. Set image_encoder_folder (with a '/' it counts "
            "from the adapter's folder, without from adapter_subfolder)."
        )
    return Places(model, adapter / weights, adapter / encoder)


def adapter_files(config: SDXLConfig) -> tuple[str, str]:
    """Return the adapter's weights file and its encoder's folder, relative to the adapter.

    Raises:
        WeightsError: A path leaves the adapter's folder.
    """
    inside = PurePosixPath(config.adapter_subfolder)
    weights = inside / config.adapter_weights
    encoder = PurePosixPath(config.image_encoder_folder)
    if "/" not in config.image_encoder_folder:  # diffusers' own reading of the same option
        encoder = inside / encoder
    for path in (weights, encoder):
        if path.is_absolute() or ".." in path.parts:
            raise WeightsError(
                f"{str(path)!r} leads out of the adapter {config.adapter!r}; set adapter to the "
                "folder that holds both the weights and the image encoder."
            )
    return str(weights), str(encoder)


def _model_files(variant: str | None) -> tuple[str, ...]:
    """Return what to fetch: the published folder also holds ONNX, other variants, one-file copies.

    A large file is published whole or in numbered parts, which older versions of diffusers named
    with the variant last.
    """
    dot = f".{variant}" if variant else ""
    files = ["model_index.json", "scheduler/*.json"]
    for folder, stem in WEIGHTS.items():
        files += [
            f"{folder}/config.json",
            f"{folder}/{stem}{dot}.safetensors",
            f"{folder}/{stem}{dot}-[0-9]*.safetensors",
            f"{folder}/{stem}-[0-9]*{dot}.safetensors",
            f"{folder}/{stem}.safetensors.index*.json",
        ]
    for folder in TOKENIZERS:
        files += [f"{folder}/*.json", f"{folder}/*.txt"]
    return tuple(files)


def _check_model(config: SDXLConfig, folder: Path) -> None:
    index = folder / "model_index.json"
    try:
        parts = json.loads(index.read_text(encoding="utf-8"))
        name = parts["_class_name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"The model {config.model!r} is not in the layout of diffusers: {str(index)!r} is "
            f"missing or broken ({type(error).__name__}). A single-file checkpoint has to be "
            "converted first: StableDiffusionXLPipeline.from_single_file(…).save_pretrained(…)."
        ) from error
    if not str(name).startswith("StableDiffusionXL"):
        raise WeightsError(
            f"The model {config.model!r} is a {name!r}; this generator runs "
            "'StableDiffusionXLPipeline'. `imagerag plugins list --role generator` names others."
        )
    dot = f".{config.variant}" if config.variant else ""
    for component, stem in WEIGHTS.items():
        if (parts.get(component) or [None])[0] is None:
            continue  # a model may do with one text encoder
        here = sorted(path.name for path in (folder / component).glob("*.safetensors"))
        if not any(_is_variant(file, stem, dot) for file in here):
            pickled = sorted(path.name for path in (folder / component).glob("*.bin"))
            raise WeightsError(
                f"The model {config.model!r} has no {component}/{stem}{dot}.safetensors"
                + (f"; there are: {', '.join(here)}. Set variant to match" if here else "")
                + (
                    f"; {pickled[0]!r} can run code while it loads, and is never read"
                    if pickled and not here
                    else ""
                )
                + "."
            )


def _is_variant(file: str, stem: str, dot: str) -> bool:
    name = file.removeprefix(stem).removesuffix(".safetensors")
    if "-of-" in name:  # a numbered part
        return dot in name if dot else name.count(".") == 0
    return name == dot
