"""Options of the embedded index."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagerag.component_config import ComponentConfig


class UsearchConfig(ComponentConfig):
    """How vectors are kept and searched."""

    kind: Literal["exact", "hnsw"] = Field(
        default="exact",
        description="'exact' reads every vector and finds the true nearest; 'hnsw' walks a graph: "
        "faster on large collections, slower to build, and it can miss some.",
    )
    metric: Literal["cos"] = Field(
        default="cos", description="Cosine similarity; encoders return unit vectors."
    )
    dtype: Literal["f16", "f32"] = Field(
        default="f16", description="How vectors are kept: f16 takes half the disk and the time."
    )
    batch_size: int = Field(
        default=32, ge=1, le=4096, description="Images that are encoded at once while indexing."
    )
    threads: int = Field(
        default=0, ge=0, le=1024, description="Threads of a search; 0 for one per core."
    )
    connectivity: int = Field(
        default=16, ge=2, le=128, description="hnsw: neighbours kept per vector."
    )
    expansion_add: int = Field(
        default=128, ge=1, le=10_000, description="hnsw: effort when a vector is added."
    )
    expansion_search: int = Field(
        default=256, ge=1, le=100_000, description="hnsw: effort when a query is answered."
    )
