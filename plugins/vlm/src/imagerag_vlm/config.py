"""The options of the critic "vlm"."""

from __future__ import annotations

from typing import Literal, Self, TypeAlias

from pydantic import Field, model_validator

from imagerag_chat.config import ChatConfig
from imagerag_vlm.published import QWEN, known

Quantisation: TypeAlias = Literal[
    "none",
    "bitsandbytes-8bit",
    "bitsandbytes-4bit",
    "torchao-int8",
    "quanto-int8",
    "quanto-int4",
]


class VLMConfig(ChatConfig):
    """Options of a vision-language model that runs here."""

    model: str = Field(
        QWEN,
        description="The model: a hub id, a folder that transformers saved, or "
        "'package:NAME/folder'.",
    )
    revision: str | None = Field(
        None,
        description="Commit of a hub model, 40 hexadecimal digits; needed for every hub model "
        "whose commit is not pinned in the plugin.",
    )
    unpinned: bool = Field(
        False, description="Allow a hub model at a branch or tag, whose weights may change."
    )
    device: str = Field("auto", description="'auto', 'cpu', 'cuda', 'cuda:1' or 'mps'.")
    dtype: str = Field(
        "auto",
        description="'float32', 'float16' or 'bfloat16'; 'auto' is bfloat16 on a CUDA device that "
        "computes in it, float16 on other GPUs, and float32 on the CPU.",
    )
    quantisation: Quantisation = Field(
        "none",
        description="Hold the language model in 8 or 4 bits, by bitsandbytes, torchao or quanto, "
        "which must be installed: less memory, slightly other answers.",
    )
    offload: Literal["none", "between"] = Field(
        "none",
        description="Where the weights wait 'between' questions: in main memory, so that the "
        "generator has the GPU to itself; or on the device ('none').",
    )
    max_pixels: int | None = Field(
        None,
        ge=1,
        description="Most square pixels at which the model's processor looks at a picture, for "
        "processors that have such a bound (the Qwen family); by default the model's own. "
        "image_size bounds a picture before that.",
    )
    min_pixels: int | None = Field(
        None,
        ge=1,
        description="Fewest square pixels; smaller pictures are enlarged. By default the model's.",
    )
    top_p: float = Field(
        0.95,
        gt=0,
        le=1,
        description="Where the temperature is above 0: draw from the likeliest words that have "
        "this much of the probability together.",
    )
    licence: str | None = Field(
        None, description="Licence of the weights, where this plugin does not know the model."
    )
    commercial: bool | None = Field(None, description="Whether that licence allows commercial use.")
    memory_gb: float | None = Field(
        None, ge=0, description="Memory that answering needs, where you have measured it."
    )

    @property
    def pinned(self) -> str | None:
        """The revision that is used: the one given, or the known one of this model."""
        found = known(self.model)
        return self.revision or (found.revision if found else None)

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> Self:
        if self.min_pixels and self.max_pixels and self.min_pixels > self.max_pixels:
            raise ValueError(
                f"min_pixels is larger than max_pixels: {self.min_pixels} > {self.max_pixels}"
            )
        return self

    @model_validator(mode="after")
    def _quantised_weights_stay(self) -> Self:
        if self.offload != "none" and self.quantisation != "none":
            raise ValueError(
                "offload = 'between' does not go with quantisation: quantised weights stay where "
                "they are. Set one of the two to 'none'."
            )
        return self
