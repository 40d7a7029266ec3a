"""Options that every generator which runs a diffusers pipeline has."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from imagerag.component_config import ComponentConfig
from imagerag_diffusers.schedulers import check_scheduler

Size: TypeAlias = tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]
"""Width and height in pixels."""

Offload: TypeAlias = Literal["none", "model", "sequential", "group"]

Quantisation: TypeAlias = Literal[
    "none",
    "bitsandbytes-8bit",
    "bitsandbytes-4bit",
    "torchao-int8",
    "quanto-int8",
    "quanto-int4",
]


class PipelineConfig(ComponentConfig):
    """Options of a generator that runs a diffusers pipeline.

    A plugin derives its own from it, gives `model` a default, and overrides what else differs.
    """

    multiple: ClassVar[int] = 16
    """Widths and heights must be multiples of this many pixels: the autoencoder's factor (usually
    8) times the patch size of the transformer (usually 2)."""

    half: ClassVar[str] = "float16"
    """What dtype "auto" means on a GPU. Models trained in bfloat16 overflow in float16."""

    model: str = Field(
        ...,
        description="The model: a hub id, a folder in the layout of diffusers, or "
        "'package:NAME/folder'.",
    )
    revision: str | None = Field(
        None,
        description="Commit of a hub model, 40 hexadecimal digits; needed for every hub model "
        "whose commit is not pinned in the plugin.",
    )
    variant: str | None = Field(
        None,
        description="Variant of the weight files, for instance 'fp16': half the download.",
    )
    steps: int = Field(20, ge=1, description="Denoising steps.")
    guidance_scale: float = Field(
        4.5, ge=0, description="Strength of the prompt (classifier-free guidance); 1 switches off."
    )
    size: Size | None = Field(
        None, description="Width and height to paint; by default the model's own."
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
    offload: Offload = Field(
        "none",
        description="Keep weights in main memory and move to the GPU when needed: whole models "
        "('model'), single layers while others compute ('group'), or single layers one after "
        "another ('sequential': least memory, slowest).",
    )
    quantisation: Quantisation = Field(
        "none",
        description="Hold the large models in 8 or 4 bits, by bitsandbytes, torchao or quanto, "
        "which must be installed: less memory, slightly other pictures.",
    )
    vae_slicing: bool = Field(False, description="Decode one picture of a batch at a time.")
    vae_tiling: bool = Field(False, description="Decode large pictures in tiles: less memory.")
    licence: str | None = Field(
        None, description="Licence of the weights, where this plugin does not know the model."
    )
    commercial: bool | None = Field(None, description="Whether that licence allows commercial use.")
    memory_gb: float | None = Field(
        None, ge=0, description="Memory that inference needs, where you have measured it."
    )

    @field_validator("size")
    @classmethod
    def _multiples(cls, value: Size | None) -> Size | None:
        if value is not None and any(side % cls.multiple for side in value):
            raise ValueError(f"width and height must be multiples of {cls.multiple}, got {value!r}")
        return value


class NegativePromptConfig(PipelineConfig):
    """Options of a pipeline that can be told what to keep away from."""

    negative_prompt: str | None = Field(
        None, description="What to keep away from, where the guidance does not say."
    )


class SchedulerConfig(PipelineConfig):
    """Options of a pipeline that runs with most schedulers of diffusion (not of flow matching)."""

    scheduler: str | None = Field(
        None, description="Class name of a diffusers scheduler; by default the model's own."
    )
    scheduler_options: dict[str, Any] = Field(
        {}, description="Arguments of that scheduler that differ from its model."
    )

    @field_validator("scheduler")
    @classmethod
    def _known_scheduler(cls, value: str | None) -> str | None:
        return value if value is None else check_scheduler(value)

    @model_validator(mode="after")
    def _options_need_a_scheduler(self) -> Self:
        if self.scheduler_options and self.scheduler is None:
            raise ValueError("scheduler_options needs scheduler: name the class they are for")
        return self
