"""What this distribution adds to imagerag: it listens, where somebody wants to be told.

Nothing of OpenTelemetry is imported unless the environment names a collector, or the program
around imagerag uses OpenTelemetry already.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from imagerag.events import Event
from imagerag.hooks import hookimpl

ENDPOINTS = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)
"""Variables of OpenTelemetry's own that name a collector."""

_listeners: list[Callable[[Event], None]] = []


def wanted() -> bool:
    """Say whether anybody is to be told: a collector that is named, or the program around."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    return any(os.environ.get(name) for name in ENDPOINTS) or "opentelemetry.sdk" in sys.modules


@hookimpl
def imagerag_event(event: Event) -> None:
    """Hand an event on, as spans and metrics."""
    if not _listeners:
        if not wanted():
            return
        from imagerag_opentelemetry.providing import listener

        _listeners.append(listener())
    _listeners[0](event)
