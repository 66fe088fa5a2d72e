"""Spans of the server: under whom they lie, and what they tell."""

from __future__ import annotations

from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from statekeep import config as sdk
from statekeep_core.server.telemetry.observing import Observers
from statekeep_core.server.telemetry.tracing import Tracing

from core.tests.server.served import Served, run

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{PARENT}-01"


def traced(share: str = "1.0") -> tuple[Observers, InMemorySpanExporter]:
    """Return what traces, and where its spans end up: nothing is sent."""
    options = {"STATEKEEP__TRACING__ENDPOINT": "http://c:1", "STATEKEEP__TRACING__SAMPLED_SHARE": share}
    settings = sdk.load({"STATEKEEP_CONFIG": "", **options})
    tracing = Tracing(settings.tracing, {})
    exporter = InMemorySpanExporter()
    tracing._provider._active_span_processor._span_processors = ()
    tracing._provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Observers([tracing]), exporter


def spans_of(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def test_a_request_lies_under_the_span_that_it_names_and_the_stores_work_under_it(tmp_path: Path) -> None:
    observers, exporter = traced()

    async def scenario(served: Served) -> None:
        token = await served.started()
        await served.ask("/execution/v1/set", {"key": "k", "value": 1}, token, traceparent=SAMPLED)

    run(tmp_path, scenario, observers=observers)
    [span] = spans_of(exporter, "set")
    assert span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)
    [store] = [each for each in spans_of(exporter, "store") if each.context.trace_id == span.context.trace_id]
    assert store.parent is not None
    assert store.parent.span_id == span.context.span_id
    assert (store.attributes or {})["statekeep.queue"] == "all"


def test_what_is_not_sampled_elsewhere_is_not_recorded_here(tmp_path: Path) -> None:
    observers, exporter = traced()

    async def scenario(served: Served) -> None:
        token = await served.started()
        exporter.clear()
        unsampled = SAMPLED.removesuffix("1") + "0"
        await served.ask("/execution/v1/set", {"key": "k", "value": 1}, token, traceparent=unsampled)

    run(tmp_path, scenario, observers=observers)
    assert exporter.get_finished_spans() == ()


def test_the_share_is_of_the_traces_that_begin_here(tmp_path: Path) -> None:
    observers, exporter = traced(share="0.0")

    async def scenario(served: Served) -> None:
        token = await served.started()
        await served.ask("/execution/v1/set", {"key": "k", "value": 1}, token, traceparent=SAMPLED)

    run(tmp_path, scenario, observers=observers)
    assert {span.name for span in exporter.get_finished_spans()} == {"set", "store"}


def test_a_refusal_is_told_by_its_code_and_only_a_fault_is_an_error(tmp_path: Path) -> None:
    observers, exporter = traced()

    async def scenario(served: Served) -> None:
        token = await served.started()
        await served.ask("/execution/v1/set", {"key": "k", "value": 1, "if_version": 9}, token)
        await served.engine.close()
        await served.ask("/execution/v1/get", {"key": "k"}, token, idempotency_key="the-id")

    run(tmp_path, scenario, observers=observers)
    [refused], [failed] = spans_of(exporter, "set"), spans_of(exporter, "get")
    assert (refused.attributes or {})["statekeep.code"] == "conflict"
    assert refused.status.status_code is StatusCode.UNSET
    assert dict(failed.attributes or {}) == {
        "http.request.method": "POST",
        "http.response.status_code": 503,
        "statekeep.code": "unavailable",
        "statekeep.request_id": "the-id",
    }
    assert (failed.status.status_code, failed.status.description) == (StatusCode.ERROR, "unavailable")


def test_whoever_looks_after_the_servers_health_is_not_traced(tmp_path: Path) -> None:
    observers, exporter = traced()

    async def scenario(served: Served) -> None:
        await served.started()
        exporter.clear()
        await served.ask("/health/live", method="GET")
        await served.ask("/health/ready", method="GET", traceparent=SAMPLED)

    run(tmp_path, scenario, observers=observers)
    assert exporter.get_finished_spans() == ()
