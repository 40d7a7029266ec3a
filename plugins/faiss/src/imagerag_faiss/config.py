"""Options of the index."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagerag_vectors.config import VectorConfig

LEAST = 624
"""Rows that codes are trained on at least: 39 for each of 16 centroids, as faiss asks for."""

AUTO = 100_000
"""Rows from which 'auto' makes codes: reading every vector takes about 5 ms there."""


class FaissConfig(VectorConfig):
    """How vectors are kept and searched."""

    kind: Literal["auto", "flat", "pq"] = Field(
        default="auto",
        description="'flat' reads every vector and finds the true nearest; 'pq' scans short codes "
        f"and scores the best exactly; 'auto' is flat below {AUTO} images and pq from there on.",
    )
    code_dims: Literal[1, 2, 4, 8] = Field(
        default=2,
        description="pq: dimensions that share 4 bits of a code. Twice as many halve memory and "
        "time, and miss more.",
    )
    rescored: int = Field(
        default=12,
        ge=1,
        le=1000,
        description="pq: how many times as many rows as are wanted are scored exactly.",
    )
