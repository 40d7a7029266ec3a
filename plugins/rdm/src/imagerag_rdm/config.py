"""Options of the generator and of the conditioner."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from imagerag.component_config import ComponentConfig
from imagerag_diffusers import SchedulerConfig
from imagerag_rdm.published import MOST, RDM

QueryUse: TypeAlias = Literal["text", "none"]
"""Whether the prompt's own embedding joins those of the neighbours."""

QUERY = (
    "Whether the prompt's own embedding joins the neighbours': 'text', or 'none' for the "
    "neighbours alone. Without references there is the prompt alone in either case."
)


class RDMConfig(SchedulerConfig):
    """Options of the generator "rdm"; the defaults are those of the authors' script for 768×768."""

    model: str = Field(
        RDM,
        description="The model: a folder in the layout of diffusers, 'package:NAME/folder', or a "
        "hub id. The published one has to be converted to safetensors first (see the README).",
    )
    steps: int = Field(50, ge=1, description="Denoising steps.")
    guidance_scale: float = Field(
        5.0,
        ge=0,
        description="How much the neighbours and the prompt count against an embedding of zeros "
        "(classifier-free guidance); up to 1 switches it off.",
    )
    eta: float = Field(
        0.0,
        ge=0,
        le=1,
        description="How much noise each step adds, for schedulers that know it (DDIM); 0 is none.",
    )
    k: int = Field(MOST, ge=1, le=MOST, description="Most references of one picture.")
    query: QueryUse = Field("text", description=QUERY)
    normalise: bool = Field(
        True,
        description="Give every embedding the length 1, as the 768×768 model wants it. The "
        "ImageNet models were trained without.",
    )
    latent_scale: float | None = Field(
        None,
        gt=0,
        description="What latents were multiplied by in training, where it is not what the "
        "autoencoder's configuration says, or the original model's where that says nothing.",
    )


class RDMConditionerConfig(ComponentConfig):
    """Options of the conditioner "rdm"."""

    query: QueryUse | None = Field(
        None, description=f"{QUERY} By default what the generator's options say."
    )
