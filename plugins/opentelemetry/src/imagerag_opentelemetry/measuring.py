"""Events as metrics: how long stages take, how full they are, what came of runs, what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagerag.events import Event
from imagerag_opentelemetry.tracing import BATCH, RUN

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

KEPT = "kept: "
"""How the note of a finished run begins; the picture's name follows."""

BOUNDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)
"""Seconds between the bars of a histogram: from a search to a large picture on a processor."""


class Meters:
    """Keeps the instruments, and records what events say."""

    def __init__(self, meter: Meter) -> None:
        """Make the instruments."""
        self._stages = meter.create_histogram(
            "imagerag.stage.duration",
            unit="s",
            description="Time of one call of a stage.",
            explicit_bucket_boundaries_advisory=BOUNDS,
        )
        self._durations = meter.create_histogram(
            "imagerag.run.duration",
            unit="s",
            description="Time of one prompt from its first step to its last, waiting included.",
            explicit_bucket_boundaries_advisory=BOUNDS,
        )
        self._runs = meter.create_counter(
            "imagerag.runs", unit="{run}", description="Prompts, by what came of them."
        )
        self._failures = meter.create_counter(
            "imagerag.stage.failures", unit="{call}", description="Calls of a stage that failed."
        )
        self._usd = meter.create_counter(
            "imagerag.usd", unit="{usd}", description="Dollars of finished prompts, where known."
        )
        self._busy = meter.create_gauge(
            "imagerag.place.busy", unit="{call}", description="Steps under way at a place."
        )
        self._waiting = meter.create_gauge(
            "imagerag.place.waiting", unit="{call}", description="Steps that wait for a place."
        )
        self._rows = meter.create_gauge(
            "imagerag.batch.rows", unit="{row}", description="Rows of a batch, done and in all."
        )

    def take(self, event: Event) -> None:
        """Record what an event says."""
        if event.kind == "level":
            place = {"imagerag.place": event.stage}
            self._busy.set(event.done, place)
            self._waiting.set(event.waiting, place)
        elif event.stage == BATCH:
            self._rows.set(event.done, {"imagerag.state": "done"})
            self._rows.set(event.total, {"imagerag.state": "all"})
        elif event.stage == RUN:
            self._run(event)
        elif event.kind == "finished":
            self._stages.record(event.seconds, {"imagerag.stage": event.stage})
        elif event.kind == "failed":
            self._failures.add(1, {"imagerag.stage": event.stage})

    def _run(self, event: Event) -> None:
        if event.kind == "failed":
            self._runs.add(1, {"imagerag.outcome": "failed"})
        elif event.kind == "finished":
            outcome = {"imagerag.outcome": event.note.removeprefix(KEPT) or "done"}
            self._runs.add(1, outcome)
            self._durations.record(event.seconds, outcome)
            if event.usd:
                self._usd.add(event.usd)
