"""Options of the index."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagerag_vectors.config import VectorConfig

LEAST = 624
"""Rows that codes are trained on at least: 39 for each of 16 centroids, as faiss asks for."""

AUTO = 100_000
"""Rows from which 'auto' makes codes: below, reading every vector takes 5 ms or less."""

FINE = 256
"""Dimensions up to which each has 4 bits of its own: so all of the nearest 10 are found, with two
together .99 at 128 dimensions and .97 at 64 (100,000 vectors of bench/vectors.py)."""


class FaissConfig(VectorConfig):
    """How vectors are kept and searched."""

    kind: Literal["auto", "flat", "pq"] = Field(
        default="auto",
        description="'flat' reads every vector and finds the true nearest; 'pq' scans short codes "
        f"and scores the best exactly; 'auto' is flat below {AUTO} images and pq from there on.",
    )
    code_dims: Literal[1, 2, 4] | None = Field(
        default=None,
        description="pq: dimensions that share 4 bits of a code. Twice as many halve memory and "
        f"time, and miss more. Where unset, 1 up to {FINE} dimensions and 2 beyond.",
    )
    rescored: int = Field(
        default=12,
        ge=4,
        le=1000,
        description="pq: how many times as many rows as are wanted are scored exactly.",
    )
