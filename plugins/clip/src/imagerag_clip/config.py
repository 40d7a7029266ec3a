"""The options of this distribution's components."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from imagerag.component_config import ComponentConfig

CLIP = "hf-hub:timm/vit_base_patch32_clip_224.openai"
"""The paper's retrieval model, CLIP ViT-B/32, in open_clip's safetensors layout."""

SIGLIP = "hf-hub:timm/ViT-B-16-SigLIP"
"""The SigLIP of the paper's time, of which no commit is pinned here: the user names one.
41f575766f40e752fdd1383e9565b7f02388c1c4 was looked for. It is known to hold
open_clip_pytorch_model.bin; whether it holds the safetensors file too could not be verified."""

SIGLIP2 = "hf-hub:timm/ViT-B-16-SigLIP2"
"""Its successor, of which a commit is known."""

PINNED = {
    "timm/vit_base_patch32_clip_224.openai": "a6f597a30f7b82c51704746581f9a4e41421e878",
    "laion/CLIP-ViT-B-32-laion2B-s34B-b79K": "1a25a446712ba5ee05982a381eed697ef9b435cf",
    "timm/ViT-B-16-SigLIP2": "eee10eff6dd8cabae2d7f379d4e8cfcd352030aa",
}
"""Commits that hold `open_clip_model.safetensors`, for hub models named without a revision."""

CAPTIONS = {
    "object": "a photo of a {name}",
    "background": "a photo of a {name}",
    "style": "a picture in the style of {name}",
}

THRESHOLDS = {"object": 0.3, "background": 0.3, "style": 0.3}
"""Measured on the sandbox's training concepts, where present and missing are told apart about
equally well from 0.2 to 0.5 (see README.md). Larger models and contrast sets want their own."""

INSTRUCTIONS = {
    "object": "add a {name}",
    "background": "change the background to a {name}",
    "style": "change the style of the picture to {name}",
}


class ClipModelConfig(ComponentConfig):
    """Which CLIP, and where it runs."""

    model: str = Field(
        CLIP,
        description="A folder in open_clip's layout (open_clip_config.json beside a safetensors "
        "file), 'package:NAME/folder', or a hub id, with or without 'hf-hub:'.",
    )
    revision: str | None = Field(
        None,
        description="Commit of a hub model, 40 hexadecimal digits; the default model has one of "
        "its own. Has no meaning for a folder.",
    )
    unpinned: bool = Field(
        False,
        description="Allow a hub model at a branch or tag, whose weights may change.",
    )
    device: str = Field("auto", description="'auto', 'cpu', 'mps', 'cuda' or 'cuda:N'.")
    dtype: str = Field(
        "auto",
        description="'auto' (float16 on CUDA and MPS, float32 on the CPU), 'float32', 'float16' "
        "or 'bfloat16'.",
    )
    batch_size: int = Field(
        32, ge=1, le=4096, description="Texts or images that pass through the model at once."
    )
    licence: str | None = Field(
        None, description="Licence of the weights, where this plugin does not know the model."
    )
    commercial: bool | None = Field(None, description="Whether that licence allows commercial use.")

    @property
    def pinned(self) -> str | None:
        """The revision that is used: the one given, or the known one of this model."""
        return self.revision or PINNED.get(self.model.removeprefix("hf-hub:"))


def _siglip() -> Any:
    return Field(
        SIGLIP,
        description="A folder, 'package:NAME/folder' or hub id, as for `clip`. The default needs "
        "a revision: a commit that holds open_clip_model.safetensors. The commit of "
        f"{SIGLIP2!r} is known.",
    )


class ClipEncoderConfig(ClipModelConfig):
    """Options of the encoder `clip`."""


class SiglipEncoderConfig(ClipEncoderConfig):
    """Options of the encoder `siglip`."""

    model: str = _siglip()


class ClipCriticConfig(ClipModelConfig):
    """Options of the critic `clip`."""

    contrast: str | tuple[str, ...] | dict[str, tuple[str, ...]] = Field(
        "package:imagerag_clip/data/contrast.json",
        description="What a concept is told apart from: names by kind, "
        "{'object': [...], 'background': [...], 'style': [...]}; or one list (objects); or a "
        "file with either as JSON, or one object name a line.",
    )
    captions: dict[str, str] = Field(
        CAPTIONS,
        description="By kind, the text that stands for a concept, for the model and for "
        "retrieval. '{name}' is the concept; an 'a' before it becomes 'an', or is dropped, as "
        "the name wants. Kinds not named here use that of 'object'.",
    )
    thresholds: dict[str, float] = Field(
        THRESHOLDS,
        description="By kind, the probability from which a concept counts as present: 0 to 1. "
        "Kinds not named here use that of 'object'. See imagerag_clip.calibrate.",
    )
    margin: float = Field(
        0.1,
        ge=0,
        description="How much better a picture must score to be the better one, in natural "
        "logarithms of the mean probability; pictures closer than that are a tie.",
    )
    description: str = Field(
        "a photo of a {object} with a {background} behind it",
        description="How the critic captions a picture, from its best object and background.",
    )

    instructions: dict[str, str] = Field(
        INSTRUCTIONS,
        description="By kind, the words that ask an editor for a missing concept, with '{name}' "
        "as in `captions`. Kinds not named here use that of 'object'.",
    )

    @field_validator("captions", "instructions")
    @classmethod
    def _each_names_the_concept(cls, texts: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        for kind, text in texts.items():
            if text.count("{name}") != 1 or text.replace("{name}", "").count("{"):
                raise ValueError(f"the text of {kind!r} needs '{{name}}' once, got {text!r}")
        return {**(CAPTIONS if info.field_name == "captions" else INSTRUCTIONS), **texts}

    @field_validator("thresholds")
    @classmethod
    def _thresholds_are_probabilities(cls, thresholds: dict[str, float]) -> dict[str, float]:
        for kind, value in thresholds.items():
            if not 0 <= value <= 1:
                raise ValueError(f"the threshold of {kind!r} is not from 0 to 1: {value!r}")
        return {**THRESHOLDS, **thresholds}

    @field_validator("description")
    @classmethod
    def _description_has_known_fields(cls, text: str) -> str:
        rest = text.replace("{object}", "").replace("{background}", "")
        if "{object}" not in text or "{" in rest or "}" in rest:
            raise ValueError(f"use '{{object}}' and perhaps '{{background}}', got {text!r}")
        return text


class ClipRerankerConfig(ClipModelConfig):
    """Options of the re-ranker `clip`."""


class SiglipRerankerConfig(ClipRerankerConfig):
    """Options of the re-ranker `siglip`."""

    model: str = _siglip()


class ClipMetricConfig(ClipModelConfig):
    """Options of the metric `clip`."""

    of: Literal["prompt", "target"] = Field(
        "prompt",
        description="Compare each picture with its prompt, or with its target concept (with the "
        "prompt where there is no target).",
    )
    caption: str = Field(
        "a photo of a {name}", description="The text that stands for a target concept."
    )


class SiglipMetricConfig(ClipMetricConfig):
    """Options of the metric `siglip`."""

    model: str = _siglip()
