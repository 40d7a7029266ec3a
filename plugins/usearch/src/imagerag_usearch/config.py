"""Options of the embedded index."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagerag_vectors.config import VectorConfig


class UsearchConfig(VectorConfig):
    """How vectors are kept and searched."""

    kind: Literal["exact", "hnsw"] = Field(
        default="exact",
        description="'exact' reads every vector and finds the true nearest; 'hnsw' walks a graph: "
        "faster on large collections, slower to build, and it can miss some.",
    )
    metric: Literal["cos"] = Field(
        default="cos", description="Cosine similarity; encoders return unit vectors."
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
