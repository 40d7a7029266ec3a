"""Options of the doubles."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagerag.component_config import ComponentConfig


class SizeConfig(ComponentConfig):
    """Options of the generators without a model."""

    width: int = Field(8, ge=1, le=4096, description="Width in pixels where a guidance has none.")
    height: int = Field(8, ge=1, le=4096, description="Height in pixels where a guidance has none.")
    max_references: int = Field(3, ge=0, description="Most references taken.")


class PlainConfig(ComponentConfig):
    """Options of the plain conditioner: none."""


class ScriptedConfig(ComponentConfig):
    """What the scripted critic answers, call by call; the last answer is repeated."""

    answers: tuple[str, ...] = Field(
        ("matches",),
        description="Each is 'matches', 'missing: a, b', 'refused', 'filtered', 'truncated', "
        "'malformed' or 'unavailable'.",
    )
    better: Literal["a", "b", "tie"] = Field("b", description="What compare() answers.")
    order: tuple[int, ...] = Field((), description="What choose() answers; empty names nothing.")
    edits: tuple[str, ...] = Field((), description="The instructions that edits() answers.")
    usd: float | None = Field(
        None, description="Where set, every call is put into the ledger at this price."
    )


class HashingConfig(ComponentConfig):
    """Options of the hashing encoder."""

    dim: int = Field(64, ge=2, le=4096, description="Length of a vector.")
    salt: str = Field("", description="Another text makes another space, of other vectors.")


class MemoryConfig(ComponentConfig):
    """Options of the retriever in memory: none."""
