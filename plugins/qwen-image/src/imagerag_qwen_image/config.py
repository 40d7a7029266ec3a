"""Options of the generator and of the conditioner."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from imagerag_diffusers import NegativePromptConfig
from imagerag_diffusers.numbered import NumberedConditionerConfig
from imagerag_qwen_image.published import EDIT_2509

VAE_AREA = 1024 * 1024
"""Square pixels of a reference for the autoencoder (diffusers' VAE_IMAGE_SIZE)."""

READING_AREA = 384 * 384
"""Square pixels of a reference for the text encoder (diffusers' CONDITION_IMAGE_SIZE)."""

LEAST_AREA = 64 * 64
"""The least of both: with less a long reference would have no side left (`generator.LONGEST`)."""


class QwenImageEditConfig(NegativePromptConfig):
    """Options of the generator "qwen-image-edit"; the defaults are those of its model card."""

    half: ClassVar[str] = "bfloat16"

    model: str = Field(
        EDIT_2509,
        description="The model: a hub id, a folder in the layout of diffusers, or "
        "'package:NAME/folder'.",
    )
    steps: int = Field(
        40,
        ge=2,
        description="Denoising steps; at least 2, since its scheduler divides by zero for one.",
    )
    true_cfg_scale: float = Field(
        4.0,
        ge=1,
        description="Strength of the prompt against the negative prompt, an empty one where none "
        "is given. Above 1 every step takes twice as long; with 1 there is none.",
    )
    guidance_scale: float = Field(
        1.0,
        ge=0,
        description="A number that guidance-distilled models are told. The published ones are "
        "not distilled and never see it: true_cfg_scale is what counts.",
    )
    max_references: int = Field(
        3,
        ge=1,
        le=8,
        description="Most references for one picture; the model is best with 1 to 3. Each costs "
        "time and memory.",
    )
    reference_area: int = Field(
        VAE_AREA,
        ge=LEAST_AREA,
        le=VAE_AREA,
        description="Square pixels to which each reference is scaled, up or down, for the "
        "transformer. Memory and time grow with it.",
    )
    reading_area: int = Field(
        READING_AREA,
        ge=LEAST_AREA,
        le=READING_AREA,
        description="Square pixels to which it is scaled for the text encoder, which reads it "
        "beside the prompt.",
    )
    without_references: Literal["text", "blank"] = Field(
        "text",
        description="How a picture without references is painted: by the text-to-image pipeline "
        "of Qwen-Image with the same weights ('text'), or as an edit of a white canvas that the "
        "model sees as Picture 1 ('blank').",
    )
    batch_size: Literal[1] = Field(
        1, description="Pictures painted at once: only 1, the pipeline takes no more."
    )

    @model_validator(mode="after")
    def _a_negative_prompt_needs_its_strength(self) -> Self:
        if self.negative_prompt and self.true_cfg_scale <= 1:
            raise ValueError("negative_prompt needs true_cfg_scale above 1, or it would not count")
        return self


class QwenImageConditionerConfig(NumberedConditionerConfig):
    """Options of the conditioner "qwen-image"."""

    template: str = Field(
        "{groups}. Generate {prompt}",
        description="The text with references: {groups}, which edits leave out, and {prompt}.",
    )
    group: str = Field(
        "{images} shows {caption}",
        description="One member of {groups}: a reference by number, and its caption. Commas join "
        "the members.",
    )
