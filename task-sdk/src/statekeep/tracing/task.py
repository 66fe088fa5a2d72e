"""Traces what the code of a task asks: one span per request over the channel."""

from __future__ import annotations

import atexit
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import ProxyTracerProvider, SpanKind, Status, StatusCode

from .._shared.state.errors import StatekeepError
from .exporting import provider_of
from .recording import context_of, traceparent_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Protocol

    from opentelemetry.trace import SpanContext, Tracer

    from ..tracing_options import Tracing as Options

    class Channel(Protocol):
        """What takes requests to the supervisor, with the span that they come from."""

        def call(self, request: Any, request_id: str | None = None, traceparent: str = "") -> Any: ...
        async def acall(self, request: Any, request_id: str | None = None, traceparent: str = "") -> Any: ...


_SERVER_FAULT = 500


def traced(channel: Channel, traceparent: str, options: Options, environ: Mapping[str, str]) -> TracedChannel:
    """Return a transport whose requests are spans: of the task's own tracing, if it has set any up."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, ProxyTracerProvider):
        provider, _ = provider_of(options, environ, "statekeep-task")
        atexit.register(provider.shutdown)
    return TracedChannel(channel, traceparent, provider.get_tracer("statekeep"), with_keys=options.key_names)


class TracedChannel:
    """A transport over a channel. A span lies under that which the task's code is in, or under its try's.

    ``around``: the span that the whole task is in, which its code therefore is not in.
    """

    def __init__(
        self,
        channel: Channel,
        traceparent: str,
        tracer: Tracer,
        *,
        with_keys: bool,
        around: SpanContext | None = None,
    ) -> None:
        self._around = around
        self._channel = channel
        self._try = context_of(traceparent)
        self._tracer = tracer
        self._with_keys = with_keys

    def call(self, request: Any, request_id: str | None = None) -> Any:
        """As the channel's."""
        with self._span(request, request_id) as traceparent:
            return self._channel.call(request, request_id, traceparent)

    async def acall(self, request: Any, request_id: str | None = None) -> Any:
        """As the channel's."""
        with self._span(request, request_id) as traceparent:
            return await self._channel.acall(request, request_id, traceparent)

    @contextmanager
    def _span(self, request: Any, request_id: str | None) -> Iterator[str]:
        attributes = {} if request_id is None else {"statekeep.request_id": request_id}
        key = getattr(request, "key", None)
        if self._with_keys and isinstance(key, str):
            attributes["statekeep.key"] = key
        current = trace.get_current_span().get_span_context()
        is_inside = current.is_valid and current != self._around
        span = self._tracer.start_span(
            f"statekeep {type(request).__name__}",
            None if is_inside else self._try,
            SpanKind.CLIENT,
            attributes,
        )
        try:
            yield traceparent_of(span)
        except StatekeepError as error:
            span.set_attribute("statekeep.code", error.code)
            if error.http_status >= _SERVER_FAULT:
                span.set_status(Status(StatusCode.ERROR, error.code))
            raise
        finally:
            span.end()
