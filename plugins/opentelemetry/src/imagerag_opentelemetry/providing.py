"""Where spans and metrics go: to what the program around has set up, else to the named collector.

The standard's own variables apply: `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_TRACES_SAMPLER` and the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import metadata
from typing import TYPE_CHECKING

from imagerag.events import Event
from imagerag_opentelemetry.measuring import Meters
from imagerag_opentelemetry.tracing import Spans

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.trace import TracerProvider

NAME = "imagerag"
_BOTH = "OTEL_EXPORTER_OTLP_ENDPOINT"


def listener(
    traces: TracerProvider | None = None, meters: MeterProvider | None = None
) -> Callable[[Event], None]:
    """Return what takes events; providers are found, or set up, where none are given."""
    version = metadata.version("imagerag-opentelemetry")
    spans = Spans((traces or _traces()).get_tracer(NAME, version))
    figures = Meters((meters or _meters()).get_meter(NAME, version))

    def take(event: Event) -> None:
        spans.take(event)
        figures.take(event)

    return take


def _traces() -> TracerProvider:
    from opentelemetry import trace

    there = trace.get_tracer_provider()
    if not isinstance(there, trace.ProxyTracerProvider) or not _names("TRACES"):
        return there
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # It hands over what it still has when the process ends.
    provider = TracerProvider(resource=_resource())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider


def _meters() -> MeterProvider:
    from opentelemetry import metrics

    there = metrics.get_meter_provider()
    # The stand-in for a provider that is not set yet has no public name.
    if not type(there).__name__.startswith("_Proxy") or not _names("METRICS"):
        return there
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    provider = MeterProvider(resource=_resource(), metric_readers=[reader])
    metrics.set_meter_provider(provider)
    return provider


def _names(signal: str) -> bool:
    """Say whether the environment names a collector for a signal, and does not switch it off."""
    if os.environ.get(f"OTEL_{signal}_EXPORTER", "").strip().lower() == "none":
        return False
    return bool(os.environ.get(_BOTH) or os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"))


def _resource() -> Resource:
    from opentelemetry.sdk.resources import Resource

    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": NAME}
    if "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        named = {}
    return Resource.create({**named, "service.version": metadata.version(NAME)})
