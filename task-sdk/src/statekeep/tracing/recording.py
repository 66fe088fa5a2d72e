"""Traces a job: its tries, the requests of their tasks that are passed on, and each attempt at a server."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .exporting import provider_of
from .following import Attempt, Tracing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from .._shared.state import messages as m
    from ..tracing_options import Tracing as Options

_PROPAGATOR = TraceContextTextMapPropagator()


def context_of(traceparent: object) -> Context | None:
    """Return the context that a W3C header names; None for what is none."""
    if not isinstance(traceparent, str):
        return None
    context = _PROPAGATOR.extract({"traceparent": traceparent})
    return context if trace.get_current_span(context).get_span_context().is_valid else None


def traceparent_of(span: Span) -> str:
    """Return the W3C header that names a span."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, trace.set_span_in_context(span))
    return carrier.get("traceparent", "")


class SpanTracing(Tracing):
    """Records spans with a tracer: one of the job, from the start on, and under it what is said here."""

    def __init__(self, tracer: Tracer, job: str, parent: Context | None) -> None:
        self._tracer = tracer
        self._job = tracer.start_span(job, parent)
        self._try: Span | None = None
        self._relayed: dict[str, Span] = {}
        self._lock = Lock()

    @property
    def traceparent(self) -> str:
        return traceparent_of(self._try or self._job)

    def try_began(self, task: m.TaskAddress, ti_id: str, try_number: int) -> None:
        attributes: dict[str, str | int] = {
            "statekeep.dag_id": task.dag_id,
            "statekeep.run_id": task.run_id,
            "statekeep.task_id": task.task_id,
            "statekeep.map_index": task.map_index,
            "statekeep.ti_id": ti_id,
            "statekeep.try_number": try_number,
        }
        self._try = self._tracer.start_span("try", _under(self._job), attributes=attributes)

    def try_ended(self) -> None:
        if self._try is not None:
            self._try.end()
        self._try = None

    def relay_began(self, request_id: str, kind: str, traceparent: object) -> None:
        parent = context_of(traceparent) or _under(self._try or self._job)
        attributes = {"statekeep.request_id": request_id}
        span = self._tracer.start_span(f"relay {kind}", parent, SpanKind.SERVER, attributes)
        with self._lock:
            self._relayed[request_id] = span

    def relay_ended(self, request_id: str, code: str) -> None:
        with self._lock:
            span = self._relayed.pop(request_id, None)
        if span is not None:
            if code:
                span.set_attribute("statekeep.code", code)
            span.end()

    @contextmanager
    def attempt(self, request_id: str, path: str, url: str) -> Iterator[Attempt]:
        with self._lock:
            parent = self._relayed.get(request_id) or self._try or self._job
        server = urlsplit(url)
        attributes = {
            "http.request.method": "POST",
            "url.path": path,
            "server.address": server.hostname or "",
            "statekeep.request_id": request_id,
        }
        span = self._tracer.start_span(f"POST {path}", _under(parent), SpanKind.CLIENT, attributes=attributes)
        try:
            yield _RecordedAttempt(span)
        # Whatever it is; what it says may be more than a trace should know.
        except BaseException as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            span.end()

    def close(self) -> None:
        self.try_ended()
        self._job.end()


class RecordingTracing(SpanTracing):
    """Traces a supervisor. Its job's span belongs to the trace that TRACEPARENT names, if any."""

    def __init__(self, options: Options, environ: Mapping[str, str]) -> None:
        self._provider, self._sender = provider_of(
            options, environ, "statekeep-supervisor", is_released=False
        )
        parent = context_of(environ.get("TRACEPARENT"))
        super().__init__(self._provider.get_tracer("statekeep"), "statekeep run", parent)

    def relay_began(self, request_id: str, kind: str, traceparent: object) -> None:
        self._sender.release()  # the task is there, so that nothing is forked any more
        super().relay_began(request_id, kind, traceparent)

    def close(self) -> None:
        super().close()
        self._provider.shutdown()


class _RecordedAttempt(Attempt):
    def __init__(self, span: Span) -> None:
        self._span = span
        self.traceparent = traceparent_of(span)

    def answered(self, status: int) -> None:
        self._span.set_attribute("http.response.status_code", status)


def _under(span: Span) -> Context:
    return trace.set_span_in_context(span)
