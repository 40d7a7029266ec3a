"""Spans and metrics of real batches, and silence where nobody wants to be told."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from PIL import Image

from imagerag import Collection, Session
from imagerag.batch.prompts import PromptFile
from imagerag.batch.store import RunStore
from imagerag.batch.turn import prepare, take
from imagerag.events import Event
from imagerag.roles import Found
from imagerag.testing import registry
from imagerag_opentelemetry.providing import listener

PROMPTS = [f"a hedgehog on background number {number}" for number in range(12)]
CONFIG = {
    "generator": {"use": "seeded", "width": 16, "height": 16},
    "conditioner": {"use": "plain"},
    "critic": {"use": "scripted", "answers": ["missing: hedgehog"]},
    "encoder": {"use": "hashing"},
    "retriever": {"use": "memory"},
}


class Watched:
    """A listener whose spans and metrics stay in memory."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        traces = TracerProvider()
        traces.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = traces.get_tracer("a test")
        self.reader = InMemoryMetricReader()
        self.take = listener(traces, MeterProvider(metric_readers=[self.reader]))

    @property
    def spans(self):
        return self.exporter.get_finished_spans()

    def named(self, name):
        return [span for span in self.spans if span.name == f"imagerag.{name}"]

    def points(self, name):
        """Return the points of a metric, each by its one attribute."""
        found = {}
        for resource in self.reader.get_metrics_data().resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == name:
                        for point in metric.data.data_points:
                            key = next(iter(point.attributes.values()), "")
                            found[key] = point
        return found


def pool(folder):
    with Collection.create(folder / "pool") as collection:
        Image.new("RGB", (20, 20), "red").save(folder / "red.png")
        collection.add([Found("red.png", folder / "red.png", caption="a hedgehog")])
    return str(folder / "pool")


def painted(folder, listen, **changes):
    """Run a batch on components without a model; return its counts."""
    file = folder / "prompts.txt"
    file.write_text("\n".join(PROMPTS), encoding="utf-8")
    config = {**CONFIG, "collection": pool(folder), **changes}
    listed = PromptFile(file)
    with (
        RunStore.create(folder / "out") as store,
        Session.from_config(config, registry=registry(), listener=listen) as session,
    ):
        return take(prepare(session, store, listed, str(file), listed.digest)).counts


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    watched = Watched()
    watched.counts = painted(tmp_path_factory.mktemp("batch"), watched.take)
    return watched


def test_a_batch_is_one_trace_of_runs_of_stages(watched):
    [batch] = watched.named("batch")
    runs = watched.named("run")
    assert watched.counts.done == len(runs) == len(PROMPTS)
    assert {span.context.trace_id for span in watched.spans} == {batch.context.trace_id}
    assert {run.parent.span_id for run in runs} == {batch.context.span_id}
    by_id = {run.context.span_id: run for run in runs}
    for stage in ("draft", "review", "retrieve", "generate", "compare"):
        spans = watched.named(stage)
        assert {span.attributes["imagerag.run"] for span in spans} == set(range(1, 13))
        for span in spans:
            run = by_id[span.parent.span_id]
            assert run.attributes["imagerag.run"] == span.attributes["imagerag.run"]
            assert run.start_time <= span.start_time <= span.end_time <= run.end_time


def test_spans_say_what_came_of_it(watched):
    [batch] = watched.named("batch")
    assert batch.attributes["imagerag.rows"] == batch.attributes["imagerag.rows.done"] == 12
    for run in watched.named("run"):
        assert run.attributes["imagerag.note"] in ("kept: draft", "kept: result")
        assert run.status.status_code is StatusCode.UNSET


def test_no_span_tells_a_prompt(watched):
    told = json.dumps([json.loads(span.to_json()) for span in watched.spans])
    assert "hedgehog" not in told


def test_metrics_count_and_time_what_happened(watched):
    stages = watched.points("imagerag.stage.duration")
    assert stages["draft"].count == len(watched.named("draft"))
    assert stages["review"].sum > 0
    runs = watched.points("imagerag.runs")
    assert sum(point.value for point in runs.values()) == 12
    assert set(runs) <= {"draft", "result"}
    rows = watched.points("imagerag.batch.rows")
    assert (rows["done"].value, rows["all"].value) == (12, 12)
    assert {point.value for point in watched.points("imagerag.place.busy").values()} == {0}
    assert {point.value for point in watched.points("imagerag.place.waiting").values()} == {0}


def test_a_run_that_fails_is_an_error_with_its_reason(tmp_path):
    watched = Watched()
    critic = {"use": "scripted", "answers": ["malformed"]}
    # More than there are: else the batch gives up, and how many are under way then is chance.
    batch = {**CONFIG.get("batch", {}), "give_up_after": 100}
    changes = {"critic": critic, "loop": {"fallback": False}, "batch": batch}
    counts = painted(tmp_path, watched.take, **changes)
    assert counts.failed == 12
    for run in watched.named("run"):
        assert run.status.status_code is StatusCode.ERROR
        assert run.status.description
    assert watched.points("imagerag.runs")["failed"].value == 12


def test_what_is_given_up_is_ended_with_the_batch():
    watched = Watched()
    for event in (
        Event("started", "batch", total=2),
        Event("started", "run", run=1),
        Event("started", "draft", run=1),
        Event("started", "draft", run=1),
        Event("finished", "draft", run=1),
        Event("started", "run", run=2),
        Event("failed", "run", run=2, note="x" * 9000),
        Event("finished", "batch", done=1, total=2, note="interrupted"),
        Event("finished", "draft", run=1),
        Event("finished", "run", run=7),
    ):
        watched.take(event)
    assert len(watched.spans) == 5
    given_up = [span for span in watched.spans if span.attributes.get("imagerag.given_up")]
    assert sorted(span.name for span in given_up) == ["imagerag.draft", "imagerag.run"]
    [failed] = [span for span in watched.named("run") if span.status.description]
    assert len(failed.status.description) == 500


def test_two_batches_at_once_are_two_traces(tmp_path):
    watched, failures = Watched(), []

    def paint(name):
        folder = tmp_path / name
        folder.mkdir()
        try:
            painted(folder, watched.take)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=paint, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert not [span for span in watched.spans if span.attributes.get("imagerag.given_up")]
    batches = watched.named("batch")
    assert len(batches) == 2
    for batch in batches:
        mine = [s for s in watched.spans if s.context.trace_id == batch.context.trace_id]
        runs = [span for span in mine if span.name == "imagerag.run"]
        assert sorted(run.attributes["imagerag.run"] for run in runs) == list(range(1, 13))
        by_id = {run.context.span_id: run for run in runs}
        for span in mine:
            if span is not batch and span not in runs:
                run = by_id[span.parent.span_id]
                assert run.attributes["imagerag.run"] == span.attributes["imagerag.run"]


def test_a_single_prompt_is_part_of_the_program_around(tmp_path):
    watched = Watched()
    config = {**CONFIG, "collection": pool(tmp_path)}
    with Session.from_config(config, registry=registry(), listener=watched.take) as session:
        from imagerag import run_prompt

        with watched.tracer.start_as_current_span("request") as request:
            run_prompt(session, "a hedgehog")
    stages = [span for span in watched.spans if span.name != "request"]
    assert {span.name for span in stages} >= {"imagerag.draft", "imagerag.review"}
    assert {span.parent.span_id for span in stages} == {request.get_span_context().span_id}


# With and without a collector

RUN = """
import sys
from pathlib import Path
from imagerag import Session, run_prompt
from imagerag.testing import registry

config = {
    "generator": {"use": "seeded", "width": 16, "height": 16},
    "conditioner": {"use": "plain"},
    "loop": {"gate": "never"},
}
with Session.from_config(config, registry=registry("imagerag_opentelemetry.plugin")) as session:
    run_prompt(session, "a hedgehog")
print(sorted(name for name in sys.modules if name.partition(".")[0] == "opentelemetry")[:3])
"""


def run(**variables):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return subprocess.run(
        [sys.executable, "-c", RUN],
        env={**clean, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


class Collector(BaseHTTPRequestHandler):
    """Takes what an exporter sends, and keeps it."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.taken.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        """Say nothing."""


@pytest.fixture
def collector():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.taken = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_without_a_collector_nothing_is_imported():
    assert run().stdout.strip() == "[]"
    assert run(OTEL_SDK_DISABLED="true", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9").stdout


def test_a_collector_on_this_machine_hears_of_all(collector):
    address = f"http://127.0.0.1:{collector.server_port}"
    done = run(OTEL_EXPORTER_OTLP_ENDPOINT=address)
    assert "opentelemetry" in done.stdout
    sent = dict(collector.taken)
    assert set(sent) == {"/v1/traces", "/v1/metrics"}
    [resource] = ExportTraceServiceRequest.FromString(sent["/v1/traces"]).resource_spans
    names = [span.name for scope in resource.scope_spans for span in scope.spans]
    assert names == ["imagerag.draft"]
    service = {a.key: a.value.string_value for a in resource.resource.attributes}
    assert service["service.name"] == "imagerag"
    [resource] = ExportMetricsServiceRequest.FromString(sent["/v1/metrics"]).resource_metrics
    metrics = {metric.name for scope in resource.scope_metrics for metric in scope.metrics}
    assert metrics == {"imagerag.stage.duration"}


def test_one_signal_can_be_left_out_and_the_service_named(collector):
    address = f"http://127.0.0.1:{collector.server_port}"
    run(
        OTEL_EXPORTER_OTLP_ENDPOINT=address,
        OTEL_METRICS_EXPORTER="none",
        OTEL_SERVICE_NAME="my shop",
    )
    [(path, body)] = collector.taken
    assert path == "/v1/traces"
    [resource] = ExportTraceServiceRequest.FromString(body).resource_spans
    service = {a.key: a.value.string_value for a in resource.resource.attributes}
    assert service["service.name"] == "my shop"


def test_a_collector_that_is_away_stops_no_run():
    done = run(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", OTEL_EXPORTER_OTLP_TIMEOUT="1")
    assert done.returncode == 0
