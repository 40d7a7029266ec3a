"""Options of the generator and of the conditioner."""

from __future__ import annotations

import string
from typing import Any, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from imagerag.component_config import ComponentConfig
from imagerag_diffusers import NegativePromptConfig, SchedulerConfig
from imagerag_sdxl.published import IP_ADAPTER, SDXL_BASE

Scale: TypeAlias = float | dict[str, Any]
"""How much references count: one number, or numbers by block of the U-Net (InstantStyle)."""

NO_ADAPTER = "none"

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom as fractions of the picture, 0 to 1."""


class SDXLConfig(NegativePromptConfig, SchedulerConfig):
    """Options of the generator "sdxl"."""

    multiple: ClassVar[int] = 8

    model: str = Field(
        SDXL_BASE,
        description="The model: a hub id, a folder in the layout of diffusers, or "
        "'package:NAME/folder'.",
    )
    adapter: str = Field(
        IP_ADAPTER,
        description="The IP-Adapter: a hub id, a folder or 'package:NAME/folder'; 'none' for text "
        "only.",
    )
    adapter_revision: str | None = Field(
        None, description="Commit of a hub adapter; pinned in this plugin for the default one."
    )
    adapter_subfolder: str = Field(
        "sdxl_models", description="Folder of the adapter's weights inside it; '' for none."
    )
    adapter_weights: str = Field(
        "ip-adapter-plus_sdxl_vit-h.safetensors",
        description="File name of the adapter's weights.",
    )
    image_encoder_folder: str = Field(
        "models/image_encoder",
        description="Folder of the adapter's image encoder. As in diffusers: relative to "
        "adapter_subfolder if it has no '/', else to the adapter.",
    )
    scale: Scale = Field(
        0.5,
        description="How much references count where the guidance does not say: a number, or "
        "numbers by block, for instance {up = {block_0 = [0.0, 1.0, 0.0]}} for style only.",
    )
    max_references: int = Field(
        4, ge=1, description="Most references for one picture; one or two work best."
    )
    steps: int = Field(50, ge=1, description="Denoising steps.")
    guidance_scale: float = Field(
        5.0, ge=0, description="Strength of the prompt (classifier-free guidance); 1 switches off."
    )
    guidance_rescale: float = Field(
        0.0, ge=0, le=1, description="Rescaling against over-exposure (arXiv 2305.08891, 3.4)."
    )
    negative_prompt: str | None = Field(
        "monochrome, lowres, bad anatomy, worst quality, low quality",
        description="What to keep away from, where the guidance does not say (the paper's words).",
    )
    offload: Literal["none", "model", "sequential"] = Field(
        "none",
        description="Keep weights in main memory and move whole models, or single layers (least "
        "memory, slowest), to the GPU when needed.",
    )
    attention_slicing: bool = Field(
        False, description="Compute self-attention in two parts: less memory, slower."
    )

    @property
    def takes_references(self) -> bool:
        """Whether there is an adapter."""
        return self.adapter != NO_ADAPTER

    @field_validator("adapter", mode="before")
    @classmethod
    def _none_in_words(cls, value: object) -> object:
        # TOML has no null, so a word stands for it wherever a configuration is written down.
        return NO_ADAPTER if value is None or value == "" else value

    @model_validator(mode="after")
    def _adapters_need_full_precision(self) -> Self:
        if self.quantisation != "none" and self.takes_references:
            raise ValueError(
                f"quantisation = {self.quantisation!r}: diffusers attaches no IP-Adapter to a "
                "quantised U-Net. Set adapter = 'none', or save memory by offload = 'model'"
            )
        return self


class SDXLConditionerConfig(ComponentConfig):
    """Options of the conditioner "sdxl"."""

    scale: Scale = Field(
        0.5,
        description="How much references count: a number, or numbers by block. A reference's own "
        "strength replaces a number, and multiplies numbers by block.",
    )
    one: str = Field(
        "According to this image of {caption}, generate {prompt}",
        description="The text for one reference (the paper's).",
    )
    many: str = Field(
        "According to these images of {captions}, generate {prompt}",
        description="The text for several; {captions} are joined by commas.",
    )
    uncaptioned: str = Field(
        "According to the image, generate {prompt}",
        description="The text for references of which no caption is known.",
    )
    max_caption: int = Field(
        160,
        ge=8,
        description="Most characters of a caption. CLIP reads 77 tokens, and the prompt comes "
        "last: what a long caption takes, the prompt loses.",
    )
    masks: tuple[Box | None, ...] = Field(
        (),
        description="Where each reference counts, in their order: left, top, right, bottom as "
        "fractions of the picture. Without, references count everywhere.",
    )
    negative_prompt: str | None = Field(
        None, description="What to keep away from; by default what the generator's options say."
    )

    @field_validator("one", "many", "uncaptioned")
    @classmethod
    def _fields_are_known(cls, value: str, info: Any) -> str:
        allowed = {"one": {"caption"}, "many": {"captions"}}.get(info.field_name, set())
        try:
            fields = {name for _, name, _, _ in string.Formatter().parse(value) if name is not None}
        except ValueError as error:
            raise ValueError(f"{value!r} is not a template: {error}") from error
        if "prompt" not in fields or fields - {"prompt"} - allowed:
            names = ", ".join(f"{{{name}}}" for name in sorted({"prompt", *allowed}))
            raise ValueError(f"{value!r} must use {{prompt}} and nothing beyond {names}")
        return value
