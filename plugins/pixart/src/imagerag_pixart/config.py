"""Options of the generators and of the conditioner."""

from __future__ import annotations

from pydantic import Field

from imagerag_diffusers import NegativePromptConfig, SchedulerConfig
from imagerag_diffusers.plain import PlainConditionerConfig
from imagerag_pixart.published import ALPHA, SIGMA


class PixArtConfig(NegativePromptConfig, SchedulerConfig):
    """Options that both generators have; their defaults are those of the models' cards."""

    steps: int = Field(20, ge=1, description="Denoising steps.")
    guidance_scale: float = Field(
        4.5, ge=0, description="Strength of the prompt (classifier-free guidance); 1 switches off."
    )
    negative_prompt: str | None = Field(
        None,
        description="What to keep away from, where the guidance does not say; by default nothing.",
    )
    max_tokens: int = Field(
        120, ge=1, le=512, description="Most tokens of a prompt; the rest is cut, and noted."
    )


class PixArtAlphaConfig(PixArtConfig):
    """Options of the generator "pixart-alpha"."""

    model: str = Field(
        ALPHA,
        description="The model: a hub id, a folder in the layout of diffusers, or "
        "'package:NAME/folder'.",
    )


class PixArtSigmaConfig(PixArtConfig):
    """Options of the generator "pixart-sigma"."""

    model: str = Field(
        SIGMA,
        description="The model: a hub id, a folder in the layout of diffusers, or "
        "'package:NAME/folder'.",
    )
    max_tokens: int = Field(
        300, ge=1, le=512, description="Most tokens of a prompt; the rest is cut, and noted."
    )


class PixArtConditionerConfig(PlainConditionerConfig):
    """Options of the conditioner "pixart"."""
