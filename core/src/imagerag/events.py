"""What happens during a run, as values for progress displays and tracing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Event:
    """One moment of a run.

    `kind` says whether the stage started, advanced or finished; `done` of `total` counts its steps
    (0 of 0 where unknown). `seconds` is set when a stage finishes, `note` says what came of it.
    """

    kind: Literal["started", "advanced", "finished"]
    stage: str
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    note: str = ""
