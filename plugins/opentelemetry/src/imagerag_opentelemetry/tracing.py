"""Events as spans: a batch, in it the runs, in them the stages."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeAlias

from imagerag.events import Event

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

BATCH, RUN = "batch", "run"
"""The stages of an event that are no stage of the loop."""

LONGEST = 500
"""Characters of a reason that a span keeps."""

_Key: TypeAlias = tuple[int, int, str]
"""Session, run, and stage."""


class Spans:
    """Opens a span where something starts, and closes it where that finishes or fails.

    The stages of one prompt by itself are spans of whatever the program around has open, a request
    for example. Spans hold numbers, names of stages, dollars, and why something failed: never
    prompts or pictures. Events may come from any thread.
    """

    def __init__(self, tracer: Tracer) -> None:
        """Take the tracer that spans are made with."""
        self._tracer = tracer
        self._lock = threading.Lock()
        # The steps of one run in one stage may overlap: the last one begun ends first.
        self._open: dict[_Key, list[Span]] = {}

    def take(self, event: Event) -> None:
        """Open or close the span of an event."""
        if event.kind == "started":
            self._start(event)
        elif event.kind in ("finished", "failed"):
            self._finish(event)

    def _start(self, event: Event) -> None:
        attributes: dict[str, int | str] = {"imagerag.stage": event.stage}
        if event.run:
            attributes["imagerag.run"] = event.run
        if event.stage == BATCH:
            attributes |= {"imagerag.rows": event.total, "imagerag.rows.done_before": event.done}
        with self._lock:
            span = self._tracer.start_span(
                f"imagerag.{event.stage}", context=self._around(event), attributes=attributes
            )
            self._open.setdefault(_key(event), []).append(span)

    def _around(self, event: Event) -> Context | None:
        """Return the context of the span that an event is part of, None for the current one."""
        from opentelemetry.trace import set_span_in_context

        batch, run = (event.session, 0, BATCH), (event.session, event.run, RUN)
        if event.run:
            for key in [batch] if event.stage == RUN else [run, batch]:
                if self._open.get(key):
                    return set_span_in_context(self._open[key][-1])
        return None

    def _finish(self, event: Event) -> None:
        with self._lock:
            span = self._taken(_key(event))
            given_up: list[_Key] = []
            if event.stage in (RUN, BATCH):
                # A stage that was given up has no end of its own.
                given_up = [
                    key
                    for key in self._open
                    if key[0] == event.session and (event.stage == BATCH or key[1] == event.run > 0)
                ]
            left = [each for key in given_up for each in self._open.pop(key)]
        for each in reversed(left):
            each.set_attribute("imagerag.given_up", True)
            each.end()
        if span is not None:
            self._end(span, event)

    def _taken(self, key: _Key) -> Span | None:
        spans = self._open.get(key)
        if not spans:
            return None
        span = spans.pop()
        if not spans:
            del self._open[key]
        return span

    def _end(self, span: Span, event: Event) -> None:
        from opentelemetry.trace import Status, StatusCode

        if event.usd is not None:
            span.set_attribute("imagerag.usd", event.usd)
        if event.stage == BATCH:
            span.set_attribute("imagerag.rows.done", event.done)
        if event.kind == "failed":
            span.set_status(Status(StatusCode.ERROR, event.note[:LONGEST]))
        elif event.note:
            span.set_attribute("imagerag.note", event.note[:LONGEST])
        span.end()


def _key(event: Event) -> _Key:
    return event.session, event.run, event.stage
