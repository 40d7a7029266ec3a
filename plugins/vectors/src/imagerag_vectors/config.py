"""Options that every index of vectors has."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagerag.component_config import ComponentConfig


class VectorConfig(ComponentConfig):
    """How vectors are kept, and how much is done at once."""

    dtype: Literal["f16", "f32"] = Field(
        default="f16", description="How vectors are kept: f16 takes half the disk and the time."
    )
    batch_size: int = Field(
        default=32, ge=1, le=4096, description="Images that are encoded at once while indexing."
    )
    threads: int = Field(
        default=0, ge=0, le=1024, description="Threads of a search; 0 for one per core."
    )
