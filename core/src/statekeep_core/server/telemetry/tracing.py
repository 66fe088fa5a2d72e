"""Traces requests for OpenTelemetry: one span each, and one for what the store did for it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from statekeep.tracing.exporting import provider_of

from .observing import PROBES, Observer, is_sampled_elsewhere

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.trace import Span
    from statekeep.tracing_options import Tracing as Options

    from .observing import Exchange, Group, Headers

_SERVER_FAULT = 500


class _Open(NamedTuple):
    span: Span
    token: Token[Context]


class Tracing(Observer):
    """Records a span for each request that is sampled; what asks may say which span it comes from."""

    def __init__(self, options: Options, environ: Mapping[str, str]) -> None:
        self._share = options.sampled_share
        self._provider, _ = provider_of(options, environ, "statekeep-server", samples_all=True)
        self._tracer = self._provider.get_tracer("statekeep_core")
        self._propagator = TraceContextTextMapPropagator()

    def request_began(self, exchange: Exchange) -> None:
        if exchange.operation in PROBES or not self._is_sampled(exchange.headers):
            return
        parent = self._propagator.extract(_carried(exchange.headers))
        span = self._tracer.start_span(exchange.operation, parent, SpanKind.SERVER)
        exchange.trace_id = trace.format_trace_id(span.get_span_context().trace_id)
        exchange.trace = _Open(span, context.attach(trace.set_span_in_context(span)))

    def _is_sampled(self, headers: Headers) -> bool:
        """Draw, unless that was done elsewhere. A span that records nothing would cost 50 us to find out."""
        is_elsewhere = is_sampled_elsewhere(headers)
        if is_elsewhere is not None:
            return is_elsewhere
        return self._share >= 1.0 or random.random() < self._share  # noqa: S311 -- no secret depends on it

    def request_ended(self, exchange: Exchange) -> None:
        if not isinstance(exchange.trace, _Open):
            return
        span, token = exchange.trace
        context.detach(token)
        if span.is_recording():
            span.set_attributes(
                {
                    "http.request.method": exchange.method,
                    "http.response.status_code": exchange.status,
                    "statekeep.code": exchange.code,
                    "statekeep.request_id": exchange.request_id,
                }
            )
            if exchange.status >= _SERVER_FAULT:
                span.set_status(Status(StatusCode.ERROR, exchange.code))
        span.end()

    def waits(self) -> object:
        span = trace.get_current_span()
        return span if span.is_recording() else None

    def group_answered(self, group: Group) -> None:
        """Record what the store did for each request of the group: the same time, for all of them."""
        attributes: dict[str, str | int] = {
            "statekeep.queue": group.queue,
            "statekeep.group_requests": len(group.origins),
        }
        for origin in group.origins:
            if isinstance(origin, trace.Span):
                parent = trace.set_span_in_context(origin)
                span = self._tracer.start_span(
                    "store", parent, attributes=attributes, start_time=group.began_at_ns
                )
                span.end(group.ended_at_ns)

    def close(self) -> None:
        self._provider.shutdown()


def _carried(headers: Headers) -> dict[str, str]:
    found = {name: headers.get(name.encode()) for name in ("traceparent", "tracestate")}
    return {name: text.decode("latin-1") for name, text in found.items() if text is not None}
