"""What a supervisor records: its job, tries, what it passes on, and each attempt."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from statekeep import config
from statekeep._shared.state import messages as m
from statekeep.tracing.recording import RecordingTracing, traceparent_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
TASK = m.TaskAddress("d", "r", "t", -1)


class Recorded:
    """A tracing whose spans are kept here."""

    def __init__(self, **environ: str) -> None:
        settings = config.load({"STATEKEEP_CONFIG": "", "STATEKEEP__TRACING__ENDPOINT": "http://c:1"})
        self.tracing = RecordingTracing(settings.tracing, environ)
        self.exporter = InMemorySpanExporter()
        self.tracing._provider._active_span_processor._span_processors = ()
        self.tracing._provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def close(self) -> dict[str, ReadableSpan]:
        self.tracing._job.end()
        return {span.name: span for span in self.exporter.get_finished_spans()}


def parent_of(span: ReadableSpan, spans: dict[str, ReadableSpan]) -> str:
    [name] = [
        each.name
        for each in spans.values()
        if span.parent is not None and each.context.span_id == span.parent.span_id
    ]
    return name


def test_an_attempt_lies_under_what_it_is_for() -> None:
    recorded = Recorded()
    tracing = recorded.tracing
    with tracing.attempt("start", "/execution/v1/start", "http://user:hidden@s:7411"):
        pass
    tracing.try_began(TASK, "ti", 1)
    tracing.relay_began("r1", "Set", None)
    with tracing.attempt("r1", "/execution/v1/set", "http://s:7411") as attempt:
        attempt.answered(409)
    tracing.relay_ended("r1", "conflict")
    with tracing.attempt("finish", "/execution/v1/finish", "http://s:7411"):
        pass
    tracing.try_ended()
    spans = recorded.close()
    found = {name: parent_of(span, spans) for name, span in spans.items() if name != "statekeep run"}
    assert found == {
        "POST /execution/v1/start": "statekeep run",
        "try": "statekeep run",
        "relay Set": "try",
        "POST /execution/v1/set": "relay Set",
        "POST /execution/v1/finish": "try",
    }
    assert (spans["POST /execution/v1/set"].attributes or {})["http.response.status_code"] == 409
    assert (spans["relay Set"].attributes or {})["statekeep.code"] == "conflict"
    assert "hidden" not in str([span.to_json() for span in spans.values()])


@pytest.mark.parametrize("traceparent", [None, 7, "", "garbage", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_what_names_no_span_leaves_a_request_under_its_try(traceparent: object) -> None:
    recorded = Recorded()
    recorded.tracing.try_began(TASK, "ti", 1)
    recorded.tracing.relay_began("r", "Get", traceparent)
    recorded.tracing.relay_ended("r", "")
    recorded.tracing.try_ended()
    spans = recorded.close()
    assert parent_of(spans["relay Get"], spans) == "try"


def test_a_job_belongs_to_the_trace_of_whoever_started_it() -> None:
    recorded = Recorded(TRACEPARENT=f"00-{TRACE}-b7ad6b7169203331-01")
    assert recorded.tracing.traceparent.startswith(f"00-{TRACE}-")
    assert traceparent_of(recorded.tracing._job) == recorded.tracing.traceparent
    recorded.close()


def test_an_attempt_that_breaks_says_how_and_not_what() -> None:
    recorded = Recorded()
    with pytest.raises(ValueError, match="hidden"), recorded.tracing.attempt("r", "/x", "http://s"):
        raise ValueError("hidden")
    span = recorded.close()["POST /x"]
    assert span.status.description == "ValueError"
    assert span.events == ()
