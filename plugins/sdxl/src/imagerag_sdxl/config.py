"""Options of the generator and of the conditioner."""

from __future__ import annotations

import string
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from imagerag.component_config import ComponentConfig
from imagerag_sdxl.published import IP_ADAPTER, SDXL_BASE
from imagerag_sdxl.schedulers import check_scheduler

Scale: TypeAlias = float | dict[str, Any]
"""How much references count: one number, or numbers by block of the U-Net (InstantStyle)."""

NO_ADAPTER = "none"

Size: TypeAlias = tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]
"""Width and height in pixels."""

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom as fractions of the picture, 0 to 1."""


class SDXLConfig(ComponentConfig):
    """Options of the generator "sdxl"."""

    model: str = Field(
        SDXL_BASE,
        description="The model: a hub id, a folder in the layout of diffusers, or "
        "'package:NAME/folder'.",
    )
    revision: str | None = Field(
        None,
        description="Commit of a hub model, 40 hexadecimal digits. Needed for every hub model but "
        "the default one, whose commit is pinned in this plugin.",
    )
    variant: str | None = Field(
        None,
        description="Variant of the weight files, for instance 'fp16': half the download.",
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
    scheduler: str | None = Field(
        None, description="Class name of a diffusers scheduler; by default the model's own."
    )
    scheduler_options: dict[str, Any] = Field(
        {}, description="Arguments of that scheduler that differ from its model."
    )
    negative_prompt: str | None = Field(
        "monochrome, lowres, bad anatomy, worst quality, low quality",
        description="What to keep away from, where the guidance does not say (the paper's words).",
    )
    size: Size | None = Field(
        None, description="Width and height to paint, multiples of 8; by default the model's own."
    )
    output_size: Size | None = Field(
        None, description="Width and height to which finished pictures are resized for showing."
    )
    output_resampling: Literal["lanczos", "nearest"] = Field(
        "lanczos", description="How they are resized."
    )
    batch_size: Literal[1, 2, 4, 8, 16] = Field(
        1,
        description="Pictures painted at once. Smaller batches are filled up, because a picture's "
        "last bits depend on the size of its batch, so set it to 1 unless there are many.",
    )
    device: str = Field("auto", description="'auto', 'cpu', 'cuda', 'cuda:1' or 'mps'.")
    dtype: str = Field(
        "auto", description="'float32', 'float16' or 'bfloat16'; 'auto' is float32 on the CPU."
    )
    offload: Literal["none", "model", "sequential"] = Field(
        "none",
        description="Keep weights in main memory and move whole models, or single layers (least "
        "memory, slowest), to the GPU when needed.",
    )
    vae_slicing: bool = Field(False, description="Decode one picture of a batch at a time.")
    vae_tiling: bool = Field(False, description="Decode large pictures in tiles: less memory.")
    attention_slicing: bool = Field(
        False, description="Compute self-attention in two parts: less memory, slower."
    )
    licence: str | None = Field(
        None, description="Licence of the weights, where this plugin does not know the model."
    )
    commercial: bool | None = Field(None, description="Whether that licence allows commercial use.")
    memory_gb: float | None = Field(
        None, ge=0, description="Memory that inference needs, where you have measured it."
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

    @field_validator("scheduler")
    @classmethod
    def _known_scheduler(cls, value: str | None) -> str | None:
        return value if value is None else check_scheduler(value)

    @field_validator("size")
    @classmethod
    def _multiples_of_8(cls, value: Size | None) -> Size | None:
        if value is not None and any(side % 8 for side in value):
            raise ValueError(f"width and height must be multiples of 8, got {value!r}")
        return value

    @model_validator(mode="after")
    def _options_need_a_scheduler(self) -> SDXLConfig:
        if self.scheduler_options and self.scheduler is None:
            raise ValueError("scheduler_options needs scheduler: name the class they are for")
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
