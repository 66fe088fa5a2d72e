"""What `statekeep.open_task` records: all of its try, from its own process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from statekeep import config, open_task
from statekeep.context import Context
from statekeep.errors import ConflictError, TryRunningError
from statekeep.tracing.configured import in_process_tracing_of
from statekeep.tracing.in_process import InProcessTracing
from statekeep_command import Statekeep

from tests.observation.collector import running_collector

TRACE = "0af7651916cd43dd8448eb211c80319c"


def opened(*, outlets: tuple[str, ...] = ()) -> AbstractContextManager[Context]:
    return open_task(dag="etl", run="r", task="t", outlets=outlets)


@pytest.fixture(autouse=True)
def _the_tests_store(statekeep: Statekeep, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in statekeep.environ.items():
        if name.startswith(("STATEKEEP", "XDG_DATA_HOME")):
            monkeypatch.setenv(name, text)


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What keeps the spans of a process that has set up OpenTelemetry itself."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # As `trace.set_tracer_provider` does, which a process may do once only.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    monkeypatch.setenv("STATEKEEP__TRACING__ENDPOINT", "http://127.0.0.1:9")  # where nobody listens
    yield exporter
    provider.shutdown()


def above(spans: dict[str, ReadableSpan], name: str) -> list[str]:
    """Return the names of a span and of each above it."""
    by_id = {span.context.span_id: span for span in spans.values()}
    path, at = [name], spans[name]
    while at.parent is not None and at.parent.span_id in by_id:
        at = by_id[at.parent.span_id]
        path.append(at.name)
    return path


def named(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def test_the_trace_of_a_block_has_been_sent_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_collector() as (url, collector):
        monkeypatch.setenv("STATEKEEP__TRACING__ENDPOINT", url)
        monkeypatch.setenv("TRACEPARENT", f"00-{TRACE}-b7ad6b7169203331-01")
        with opened(outlets=("orders",)) as context:
            context.task_state.set("hidden-key", "hidden-value")
            asyncio.run(context.asset_state["orders"].aset("hidden-key", 1))
            context.task_state.get("hidden-key")
        names = [span.name for span in collector.spans]
    paths = {span.name: [name for _, name in collector.above(span)] for span in collector.spans}
    try_path = ["try", "statekeep open_task"]
    assert paths["relay Get"] == ["relay Get", "statekeep Get", *try_path]
    assert [names.count(name) for name in ("relay Set", "statekeep Set", "relay Get", "try")] == [2, 2, 1, 1]
    assert "relay Finish" not in names
    if "STATEKEEP__API__URL" in os.environ:
        assert paths["POST /execution/v1/set"][1] == "relay Set"
        assert paths["POST /execution/v1/finish"][1:] == try_path
        assert paths["POST /execution/v1/start"][1:] == ["statekeep open_task"]
    assert {span.trace_id for span in collector.spans} == {TRACE}
    assert {span.service for span in collector.spans} == {"statekeep-task"}
    [began] = collector.named("try")
    assert (began.attributes["statekeep.task_id"], began.attributes["statekeep.try_number"]) == ("t", 1)
    assert b"hidden" not in b"".join(collector.bodies)


def test_a_process_with_its_own_tracing_keeps_it(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEPARENT", f"00-{TRACE}-b7ad6b7169203331-01")  # farther than the span around it
    tracer = trace.get_tracer("mine")
    with tracer.start_as_current_span("around"), opened() as context:
        context.task_state.set("k", 1)
        with tracer.start_as_current_span("inside"):
            context.task_state.get("k")
        assert "relay Get" in named(exporter)  # sent already, and by whom the process has chosen
    spans = named(exporter)
    assert above(spans, "relay Set") == ["relay Set", "statekeep Set", "try", "statekeep open_task", "around"]
    assert above(spans, "relay Get") == ["relay Get", "statekeep Get", "inside", "around"]
    with tracer.start_as_current_span("later"):
        pass
    assert "later" in named(exporter)  # what is not the block's goes on


def test_a_refusal_is_told_by_its_code(exporter: InMemorySpanExporter) -> None:
    with opened() as context, pytest.raises(ConflictError):
        context.task_state.set("k", 1, if_version=7)
    assert dict(named(exporter)["relay Set"].attributes or {})["statekeep.code"] == "conflict"


def test_a_try_that_never_began_is_a_trace_without_one(exporter: InMemorySpanExporter) -> None:
    with opened():
        with pytest.raises(TryRunningError), opened():
            pytest.fail("it was opened")
        ended = [span.name for span in exporter.get_finished_spans() if not span.name.startswith("POST ")]
    assert ended == ["statekeep open_task"]


def test_the_name_of_a_key_is_in_a_span_when_it_is_asked_for(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATEKEEP__TRACING__KEY_NAMES", "true")
    with opened() as context:
        context.task_state.get("k")
    assert dict(named(exporter)["statekeep Get"].attributes or {}) == {"statekeep.key": "k"}


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_that_leaves_the_block_ends_no_span(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[InProcessTracing] = []
    original = InProcessTracing.close

    def close(own: InProcessTracing) -> None:
        closed.append(own)
        original(own)

    monkeypatch.setattr(InProcessTracing, "close", close)
    pid = 0
    try:
        with opened():
            pid = os.fork()
    finally:
        if pid == 0:
            os._exit(len(closed))
    assert os.waitpid(pid, 0)[1] == 0
    assert len(closed) == 1


def test_nothing_is_recorded_unless_it_is_wanted() -> None:
    environ = {"STATEKEEP_CONFIG": ""}
    assert in_process_tracing_of(config.load(environ).tracing, environ) is None
