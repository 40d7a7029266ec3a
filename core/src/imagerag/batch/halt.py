"""Why a batch ends before its last row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from imagerag.errors import (
    ConfigError,
    CredentialsError,
    ImageRAGError,
    PluginError,
    StoreError,
    WeightsError,
)

Outcome = Literal["finished", "budget", "interrupted", "gave up", "failed"]

GENERAL = (ConfigError, CredentialsError, PluginError, StoreError, WeightsError)
"""Errors that the next prompt would meet as well: they end a batch, and fail no row."""


@dataclass(frozen=True)
class Halt:
    """The reason, in words, and what it means for the exit code.

    At once means that calls under way are given a moment and no more; else they are waited for.
    """

    outcome: Outcome
    reason: str
    exit_code: int
    at_once: bool = False
    error: Exception | None = None


def broken(error: Exception) -> Halt:
    """Return the end that an error means which every row would meet."""
    code = error.exit_code if isinstance(error, ImageRAGError) else 1
    return Halt("failed", str(error), code, error=error)


class Streak:
    """Counts rows that fail one after the other in the same way."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kind, self._count = "", 0

    def went_well(self) -> None:
        """A row was finished."""
        self._kind, self._count = "", 0

    def failed(self, kind: str, reason: str) -> Halt | None:
        """A row failed; return the end of the batch where that is one too many."""
        self._count = self._count + 1 if kind == self._kind else 1
        self._kind = kind
        if self._count < self._most:
            return None
        return Halt(
            "gave up",
            f"{self._count} prompts in a row failed in the same way, the last one with: {reason} "
            "See to that, then run the same command again; [batch] give_up_after sets how many.",
            3,
        )
