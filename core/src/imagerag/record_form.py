"""The form of a run record, checked before anything in a stranger's picture is believed."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

LARGEST_SIDE = 16_384
"""Pixels along one side of a picture at most, whether asked for or recorded."""


class _Form(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class _Decision(_Form):
    stage: str
    decision: str
    reason: str


class _Concept(_Form):
    name: str
    caption: str
    score: float | None


class _Answer(_Form):
    kind: str
    temperature: float
    note: str
    missing: list[_Concept]
    present: list[_Concept]


class _Hit(_Form):
    id: str
    score: float
    caption: str
    licence: str | None
    creator: str | None
    source: str | None
    private: bool = False


class _Lookup(_Form):
    concept: str
    query: str
    hits: list[_Hit]


class _Used(_Form):
    digest: str
    origin: str
    caption: str
    concept: str
    score: float | None
    strength: float | None
    licence: str | None
    creator: str | None
    source: str | None
    private: bool = False


class _Painted(_Form):
    prompt: str
    seed: int
    negative_prompt: str | None
    width: int | None = Field(ge=1, le=LARGEST_SIDE)
    height: int | None = Field(ge=1, le=LARGEST_SIDE)
    options: dict[str, Any]
    references: list[_Used]
    pixels_sha256: str


class _Round(_Form):
    answers: list[_Answer]
    lookups: list[_Lookup]
    painted: _Painted | None
    comparison: dict[str, Any] | None


class _Usage(_Form):
    component: str
    call: str
    model: str
    outcome: str
    requests: int
    images: int
    seconds: float
    input_tokens: int | None
    output_tokens: int | None
    image_tokens: int | None
    usd: float | None
    priced: str | None


class RecordForm(_Form):
    """What `Run.to_json` writes; the parts that are derived from others may say anything."""

    format: int
    prompt: str
    seed: int
    kept: str = Field(pattern="^(draft|result)$")
    kept_round: int | None = Field(ge=0)
    fallback: bool
    created: str
    size: list[int] | None = Field(min_length=2, max_length=2)
    missing: Any = None
    decisions: list[_Decision]
    drafted: _Painted | None
    rounds: list[_Round]
    credits: Any = None
    seconds: dict[str, float]
    ledger: list[_Usage] = []
    versions: dict[str, str]
    config: dict[str, Any]
