"""Options of the embedded index."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagerag_vectors.config import VectorConfig

AUTO_ROWS = 100_000
"""Below this many rows "auto" reads all of them: 10 ms or less, and nothing can be missed."""


class UsearchConfig(VectorConfig):
    """How vectors are kept and searched."""

    kind: Literal["auto", "exact", "coded", "hnsw"] = Field(
        default="auto",
        description="'exact' reads every vector and finds the true nearest; 'coded' scans short "
        "codes and scores the best exactly: faster on large collections, and it can miss a few; "
        "'hnsw' walks a graph: slow to build, and it can miss more; 'auto' is exact below "
        "100,000 images, then coded.",
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
