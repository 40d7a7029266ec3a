"""What happens during a run, as values for progress displays and tracing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Event:
    """One moment of a run.

    `kind` says whether the stage started, advanced, finished or failed; `done` of `total` counts
    its steps (0 of 0 where unknown). `seconds` is set when a stage finishes, `note` says what came
    of it.

    Stages are those of the loop ("draft", "review", "retrieve", "generate", "compare"). In a batch
    each event of a stage is one call of a component, and `run` the number of the row that it is
    for, from 1; `run` is 0 outside of a batch. Two more stages surround them there: "run", one
    prompt as a whole (`note` is the reason where it failed, or "kept: draft"), and "batch"
    (`done` of `total` rows are finished, `usd` dollars are known to be spent).

    `session` is the number, in this process, of the session that tells it, from 1: several may work
    at once, each with its own rows.

    The kind "level" is told in a batch whenever the load of a stage changes: `done` calls are under
    way, and `waiting` are queued for it.
    """

    kind: Literal["started", "advanced", "finished", "failed", "level"]
    stage: str
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    note: str = ""
    run: int = 0
    waiting: int = 0
    usd: float | None = None
    session: int = 0
