"""When spans are sent, and what becomes of those that cannot be."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler
from statekeep.tracing import exporting
from statekeep.tracing.exporting import SpanSender


class Kept(SpanExporter):
    """Keeps what is exported; ``gate`` holds it up until it is set."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.threads: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.gate.wait()
        self.names += [span.name for span in spans]
        self.threads.add(threading.current_thread().name)
        return SpanExportResult.SUCCESS


def provider_with(sender: SpanSender, sampler: Sampler = ALWAYS_ON) -> TracerProvider:
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(sender)
    return provider


def end_spans(provider: TracerProvider, *names: str) -> None:
    for name in names:
        provider.get_tracer("test").start_span(name).end()


def sending_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "statekeep-traces"]


def test_there_is_no_thread_before_the_release_and_what_ended_by_then_is_sent_after_it() -> None:
    kept = Kept()
    sender = SpanSender(kept, is_released=False)
    provider = provider_with(sender)
    end_spans(provider, "a", "b")
    assert sending_threads() == []
    sender.release()
    end_spans(provider, "c")
    provider.shutdown()
    assert kept.names == ["a", "b", "c"]
    assert kept.threads == {"statekeep-traces"}


def test_a_process_that_was_never_released_sends_at_its_end() -> None:
    kept = Kept()
    provider = provider_with(SpanSender(kept, is_released=False))
    end_spans(provider, "a")
    provider.shutdown()
    assert kept.names == ["a"]


def test_what_is_not_sampled_is_not_sent() -> None:
    kept = Kept()
    provider = provider_with(SpanSender(kept), ALWAYS_OFF)
    end_spans(provider, "a")
    provider.shutdown()
    assert kept.names == []


def test_a_collector_that_hangs_costs_spans_and_holds_nobody_up() -> None:
    kept = Kept()
    kept.gate.clear()
    sender = SpanSender(kept)
    provider = provider_with(sender)
    more = exporting._WAITING_SPANS + exporting._BATCH_SPANS + 100
    end_spans(provider, *map(str, range(more)))
    assert sender.force_flush(timeout_millis=1) is False
    kept.gate.set()
    assert sender.force_flush(timeout_millis=60_000) is True
    assert exporting._WAITING_SPANS <= len(kept.names) < more
