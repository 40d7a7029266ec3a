"""Options of the generators and of the conditioners."""

from __future__ import annotations

import string
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from imagerag.component_config import ComponentConfig
from imagerag_diffusers import NegativePromptConfig, PipelineConfig
from imagerag_diffusers.numbered import NumberedConditionerConfig
from imagerag_diffusers.plain import PlainConditionerConfig
from imagerag_flux.published import DEV, KLEIN, KONTEXT, REDUX, SCHNELL

MODEL = "The model: a hub id, a folder in the layout of diffusers, or 'package:NAME/folder'."

LEAST_AREA = 64 * 64
"""Square pixels to which references may be bounded at least: 16 tokens."""

TEMPLATES = {"one": {"caption"}, "many": {"captions"}}
"""What each template may use beside {prompt}."""


class Flux1Config(NegativePromptConfig):
    """Options that the generators of FLUX.1 have in common."""

    half: ClassVar[str] = "bfloat16"

    guidance_scale: float = Field(
        3.5,
        ge=0,
        description="Strength of the prompt, which the distilled models are told as a number; "
        "schnell does not read it.",
    )
    true_cfg_scale: float = Field(
        1.0,
        ge=1,
        description="Strength against the negative prompt, an empty one where none is given. Above "
        "1 every step takes twice as long; with 1 there is none.",
    )
    max_tokens: int | None = Field(
        None,
        ge=1,
        le=512,
        description="Most tokens of a prompt that T5 reads; the rest is cut, and noted. By default "
        "256 for schnell and 512 for the others.",
    )

    @model_validator(mode="after")
    def _a_negative_prompt_needs_its_strength(self) -> Self:
        if self.negative_prompt and self.true_cfg_scale <= 1:
            raise ValueError("negative_prompt needs true_cfg_scale above 1, or it would not count")
        return self


class FluxConfig(Flux1Config):
    """Options of the generator "flux"; the defaults are those of schnell."""

    model: str = Field(SCHNELL, description=MODEL)
    steps: int = Field(4, ge=1, description="Denoising steps; dev wants about 50.")
    guidance_scale: float = Field(
        0.0, ge=0, description="Strength of the prompt; schnell does not read it, dev wants 3.5."
    )


class FluxKontextConfig(Flux1Config):
    """Options of the generator "flux-kontext"."""

    model: str = Field(KONTEXT, description=MODEL)
    steps: int = Field(28, ge=1, description="Denoising steps.")
    guidance_scale: float = Field(2.5, ge=0, description="Strength of the prompt.")
    reference_area: int | None = Field(
        None,
        ge=LEAST_AREA,
        description="Most square pixels of the reference; a larger one is scaled down. By default "
        "it is scaled, up or down, to the nearest size that the model was trained on, about "
        "1024×1024. The picture's own size does not depend on it.",
    )


class FluxReduxConfig(Flux1Config):
    """Options of the generator "flux-redux"."""

    model: str = Field(DEV, description=f"{MODEL[:-1]}; of FLUX.1 [dev] or schnell.")
    prior: str = Field(
        REDUX, description="Redux, which turns images into words: named like the model."
    )
    prior_revision: str | None = Field(
        None, description="Commit of a hub prior; pinned in this plugin for the default one."
    )
    prior_variant: str | None = Field(None, description="Variant of the prior's weight files.")
    steps: int = Field(50, ge=1, description="Denoising steps; schnell wants 4.")
    guidance_scale: float = Field(2.5, ge=0, description="Strength of the prompt.")
    scale: float = Field(
        1.0,
        ge=0,
        description="How much a reference counts that has no strength of its own; 1 as Redux was "
        "trained, which leaves the prompt little to say.",
    )
    max_references: int = Field(
        4, ge=1, description="Most references for one picture; they are mixed, so few work best."
    )


class Flux2KleinConfig(PipelineConfig):
    """Options of the generator "flux2-klein"."""

    half: ClassVar[str] = "bfloat16"

    model: str = Field(KLEIN, description=MODEL)
    steps: int = Field(4, ge=1, description="Denoising steps; the base models want 50.")
    guidance_scale: float = Field(
        1.0,
        ge=0,
        description="Strength of the prompt (classifier-free guidance) in the base models, which "
        "want 4; the distilled ones do not read it.",
    )
    max_tokens: int = Field(
        512,
        ge=16,
        le=4096,
        description="Most tokens of a prompt with the model's own words around it; the rest is "
        "cut, and noted.",
    )
    max_references: int = Field(
        4, ge=1, le=10, description="Most references for one picture; klein was made for up to 4."
    )
    reference_area: int = Field(
        1024 * 1024,
        ge=LEAST_AREA,
        le=1024 * 1024,
        description="Most square pixels of a reference; larger ones are scaled down. Memory and "
        "time grow with it and with their number.",
    )


class FluxConditionerConfig(PlainConditionerConfig):
    """Options of the conditioner "flux"."""


class CaptionedConditionerConfig(ComponentConfig):
    """Options of the conditioners that name captions, and no numbers."""

    one: str = Field(
        "According to this image of {caption}, generate {prompt}",
        description="The text for one reference (the paper's).",
    )
    uncaptioned: str = Field(
        "According to the image, generate {prompt}",
        description="The text for references of which no caption is known.",
    )
    max_caption: int = Field(300, ge=8, le=2000, description="Most characters of a caption.")
    negative_prompt: str | None = Field(
        None, description="What to keep away from; needs the generator's true_cfg_scale."
    )

    @field_validator("one", "many", "uncaptioned", check_fields=False)
    @classmethod
    def _fields_are_known(cls, value: str, info: Any) -> str:
        allowed = TEMPLATES.get(info.field_name, set())
        try:
            fields = {name for _, name, _, _ in string.Formatter().parse(value) if name is not None}
        except ValueError as error:
            raise ValueError(f"{value!r} is not a template: {error}") from error
        if "prompt" not in fields or fields - {"prompt"} - allowed:
            names = ", ".join(f"{{{name}}}" for name in sorted({"prompt", *allowed}))
            raise ValueError(f"{value!r} must use {{prompt}} and nothing beyond {names}")
        return value


class FluxKontextConditionerConfig(CaptionedConditionerConfig):
    """Options of the conditioner "flux-kontext"."""


class FluxReduxConditionerConfig(CaptionedConditionerConfig):
    """Options of the conditioner "flux-redux"."""

    many: str = Field(
        "According to these images of {captions}, generate {prompt}",
        description="The text for several; {captions} are joined by commas.",
    )
    scale: float = Field(
        1.0,
        ge=0,
        description="How much references count; a reference's own strength replaces it.",
    )


class Flux2ConditionerConfig(NumberedConditionerConfig):
    """Options of the conditioner "flux2"."""
