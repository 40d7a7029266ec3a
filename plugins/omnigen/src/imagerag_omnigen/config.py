"""Options of the generator and of the conditioner."""

from __future__ import annotations

import string
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from imagerag.component_config import ComponentConfig
from imagerag_diffusers import PipelineConfig
from imagerag_omnigen.placeholders import without_markup
from imagerag_omnigen.published import OMNIGEN

FIELDS = {
    "template": ({"groups", "images", "prompt"}, ({"groups", "images"}, {"prompt"})),
    "group": ({"caption", "images"}, ({"caption"}, {"images"})),
}
"""What each template may use, and sets of which it must use exactly one, once."""


class OmniGenConfig(PipelineConfig):
    """Options of the generator "omnigen"; their defaults are the paper's."""

    half: ClassVar[str] = "bfloat16"

    model: str = Field(
        OMNIGEN,
        description="The model: a hub id, a folder in the layout of diffusers, or "
        "'package:NAME/folder'.",
    )
    steps: int = Field(50, ge=1, description="Denoising steps.")
    guidance_scale: float = Field(
        2.5, ge=0, description="How much the text counts beside the references."
    )
    img_guidance_scale: float = Field(
        1.6, ge=0, description="How much the references count, all of them together."
    )
    max_references: int = Field(
        3,
        ge=1,
        le=30,
        description="Most references for one picture. Each costs time and memory; with 30 of "
        "1024×1024 the model's 131,072 positions are full.",
    )
    max_input_image_size: int = Field(
        1024,
        ge=16,
        le=3072,
        description="Longer side, in pixels, to which larger references are scaled down. Memory "
        "and time grow at least with its square.",
    )
    batch_size: Literal[1] = Field(
        1,
        description="Pictures painted at once: only 1, because in a batch OmniGenPipeline gives "
        "every prompt the positions of the first one's tokens.",
    )


class OmniGenConditionerConfig(ComponentConfig):
    """Options of the conditioner "omnigen"."""

    template: str = Field(
        "According to these images of {groups}, generate {prompt}",
        description="The text with references (the paper's): {groups}, or for edits {images} "
        "without captions, and {prompt}.",
    )
    group: str = Field(
        "{caption}: {images}",
        description="One member of {groups}: a caption and its images. Commas join both.",
    )
    own: str = Field(
        "the user's image",
        min_length=1,
        description="The caption of the user's own images that have none but the prompt.",
    )
    unnamed: str = Field(
        "the subject",
        min_length=1,
        description="The caption of retrieved images of which neither caption nor concept is "
        "known.",
    )
    max_caption: int = Field(300, ge=8, le=2000, description="Most characters of a caption.")

    @field_validator("template", "group", "own", "unnamed")
    @classmethod
    def _holds_no_markup(cls, value: str) -> str:
        if without_markup(value) != value or "<|" in value or "|>" in value:
            raise ValueError(f"{value!r} holds image markup, which belongs to the references")
        return value

    @field_validator("template", "group")
    @classmethod
    def _fields_are_known(cls, value: str, info: Any) -> str:
        allowed, required = FIELDS[info.field_name]
        try:
            found = [field for field in string.Formatter().parse(value) if field[1] is not None]
        except ValueError as error:
            raise ValueError(f"{value!r} is not a template: {error}") from error
        used = [name for _, name, _, _ in found]
        if (
            set(used) - allowed
            or any(sum(used.count(name) for name in names) != 1 for names in required)
            or any(form or conversion for _, _, form, conversion in found)
        ):
            names = " and ".join(
                " or ".join(f"{{{name}}}" for name in sorted(names)) for names in required
            )
            raise ValueError(f"{value!r} must use {names}, each once, and nothing else")
        return value
