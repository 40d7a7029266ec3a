"""What is read back of a run store, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from imagerag.run import Run

State = Literal["pending", "done", "failed"]


@dataclass(frozen=True)
class StoredBatch:
    """One list of prompts under one configuration.

    `source` is the list's name and `content` its digest. `outcome` is "running" until a turn ends:
    also after a kill. `seconds` is the wall time of all its turns together.
    """

    number: int
    source: str
    started: str
    ended: str | None
    outcome: str
    seconds: float
    setting: int
    content: str


@dataclass(frozen=True)
class StoredRun:
    """One row of a list of prompts, and what came of it.

    `number` counts the rows from 1, `line` is where it stands in its file. `key` names the unit of
    work, "" for a row that could not be read. A row that is "pending" has not been finished; its
    `reason` is then that of an interruption by its provider, or "". `run` is the record, without
    pictures, of a row that is done. `pictures` holds paths by role: "draft", "result", "kept".
    `references` are the pictures that were shown to the generator for the result, as many as the
    store has. `seconds` is the time that its stages took, waiting left out; `usd` is None where a
    price is unknown.
    """

    number: int
    key: str
    prompt: str
    seed: int
    state: State
    reason: str = ""
    kind: str = ""
    line: int = 0
    batch: int = 1
    run: Run | None = None
    pictures: Mapping[str, Path] = field(default_factory=dict)
    references: tuple[Path, ...] = ()
    seconds: float = 0.0
    usd: float | None = 0.0


@dataclass(frozen=True)
class Counts:
    """How many rows of a batch are in which state."""

    done: int = 0
    failed: int = 0
    pending: int = 0

    @property
    def rows(self) -> int:
        """All rows together."""
        return self.done + self.failed + self.pending


@dataclass(frozen=True)
class StageCost:
    """What one stage of a batch came to: a line of its ledger.

    `steps` were finished, in `seconds` of component time of which `gpu_seconds` on a GPU. `calls`
    are those that components reported, sent as `requests`: `retries` of them were repetitions.
    Tokens are sums of what providers reported, None where none did. `usd` is what is known, and
    `unpriced` the number of calls whose price is not. Memory is in bytes, at its highest in this
    stage, the whole process on this machine and CUDA's own figure; 0 where not measured.
    """

    stage: str
    steps: int
    seconds: float
    gpu_seconds: float
    calls: int
    requests: int
    retries: int
    images: int
    input_tokens: int | None
    output_tokens: int | None
    image_tokens: int | None
    usd: float
    unpriced: int
    memory: int = 0
    gpu_memory: int = 0
