"""The options of the metric."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from imagerag.component_config import ComponentConfig

DINO = "facebook/dinov2-base"

PINNED = {DINO: "f9e44c814b77203eaa57a6bdbbd535f21ede1415"}
"""Commits that hold `model.safetensors`, for hub models named without a revision."""


class DinoMetricConfig(ComponentConfig):
    """Options of the metric `dino`."""

    model: str = Field(
        DINO,
        description="A folder in transformers' layout (config.json, preprocessor_config.json and "
        "model.safetensors), 'package:NAME/folder', or a hub id.",
    )
    revision: str | None = Field(
        None,
        description="Commit of a hub model, 40 hexadecimal digits; the default model has one of "
        "its own. Has no meaning for a folder.",
    )
    unpinned: bool = Field(
        False, description="Allow a hub model at a branch or tag, whose weights may change."
    )
    references: str | None = Field(
        None,
        description="A folder of real pictures by concept: 'FOLDER/hedgehog/*.png', or .jpg or "
        ".webp. Case, '_' and '-' in the names of its folders do not count.",
    )
    collection: str | None = Field(
        None,
        description="Instead of a folder, a collection by name or path: its items of a concept "
        "are those with the concept as a tag (or 'concept=NAME'), else those whose caption names "
        "it.",
    )
    max_references: int | None = Field(
        None,
        ge=1,
        description="Most real pictures of one concept: the first by file name, or in the order "
        "in which they came into the collection.",
    )
    device: str = Field("auto", description="'auto', 'cpu', 'mps', 'cuda' or 'cuda:N'.")
    dtype: str = Field(
        "auto",
        description="'auto' (float16 on CUDA and MPS, float32 on the CPU), 'float32', 'float16' "
        "or 'bfloat16'.",
    )
    batch_size: int = Field(
        32, ge=1, le=4096, description="Pictures that pass through the model at once."
    )
    licence: str | None = Field(
        None, description="Licence of the weights, where this plugin does not know the model."
    )
    commercial: bool | None = Field(None, description="Whether that licence allows commercial use.")

    @model_validator(mode="after")
    def _references_come_from_one_place(self) -> Self:
        if self.references is not None and self.collection is not None:
            raise ValueError("real pictures come from references or from collection, not both")
        return self

    @property
    def pinned(self) -> str | None:
        """The revision that is used: the one given, or the known one of this model."""
        return self.revision or PINNED.get(self.model.removeprefix("hf-hub:"))
