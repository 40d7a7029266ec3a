"""Options of the core's own components."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from imagerag.component_config import ComponentConfig, Part

RRF = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009)."""


class UnionConfig(ComponentConfig):
    """Options of the retriever `union`."""

    of: tuple[Annotated[dict[str, Any], Part("retriever")], ...] = Field(
        (),
        min_length=1,
        description="The retrievers, each a table with `use`, its options and, where it wants one "
        "of its own, an `encoder` table.",
    )
    take: int | None = Field(
        None,
        ge=1,
        description="Best hits to take from each; as many as were asked for where unset. The "
        "paper's re-rankers see the union of the best 3 by CLIP and the best 3 by SigLIP.",
    )
    constant: int = Field(
        RRF,
        ge=0,
        description="Constant of reciprocal rank fusion, by which the union is ordered: a hit "
        "scores the sum of weight / (constant + rank) over the retrievers that found it. The "
        "larger, the less the first ranks count above the others.",
    )
    weights: tuple[Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)], ...] = Field(
        (), description="How much each retriever counts, in their order; 1 each where unset."
    )

    @model_validator(mode="after")
    def _one_weight_each(self) -> Self:
        if self.weights and len(self.weights) != len(self.of):
            raise ValueError(
                f"there are {len(self.weights)} weights for {len(self.of)} retrievers: give "
                "`weights` one number for each table [[retriever.of]], or leave it out"
            )
        return self


class ChoiceConfig(ComponentConfig):
    """Options of the re-ranker `critic`."""

    most: int = Field(
        6,
        ge=2,
        le=32,
        description="Hits whose pictures the critic is shown, from the best on; the others keep "
        "their places behind them.",
    )
