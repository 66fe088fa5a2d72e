"""Traces a task that runs in this very process: what a supervisor would record, and what its task would."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import ProxyTracerProvider

from .._shared.state.errors import StatekeepError
from .exporting import provider_of
from .recording import SpanTracing, context_of
from .task import TracedChannel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Protocol

    from opentelemetry.sdk.trace import TracerProvider

    from ..tracing_options import Tracing as Options
    from .following import Tracing

    class Transport(Protocol):
        """What answers the requests of a try."""

        def call(self, request: Any, request_id: str | None = None) -> Any: ...
        async def acall(self, request: Any, request_id: str | None = None) -> Any: ...


class InProcessTracing(SpanTracing):
    """Records with the tracing that this process has set up, if any. Its job's span lies under that which the
    code is in, or belongs to the trace that TRACEPARENT names."""

    def __init__(self, options: Options, environ: Mapping[str, str]) -> None:
        self._own: TracerProvider | None = None
        self._with_keys = options.key_names
        self._around = trace.get_current_span().get_span_context()
        provider = trace.get_tracer_provider()
        if isinstance(provider, ProxyTracerProvider):
            self._own, _ = provider_of(options, environ, "statekeep-task")
            provider = self._own
        # None: under the span that the code is in.
        parent = None if self._around.is_valid else context_of(environ.get("TRACEPARENT"))
        super().__init__(provider.get_tracer("statekeep"), "statekeep open_task", parent)

    def traced(self, transport: Transport) -> TracedChannel:
        """Return a transport whose requests are spans of the try that has begun."""
        relayed = _RelayedTransport(transport, self)
        return TracedChannel(
            relayed, self.traceparent, self._tracer, with_keys=self._with_keys, around=self._around
        )

    def close(self) -> None:
        super().close()
        if self._own is not None:
            self._own.shutdown()


class _RelayedTransport:
    """Says of each request when it is passed on to the store, and when the answer is there."""

    def __init__(self, transport: Transport, tracing: Tracing) -> None:
        self._transport = transport
        self._tracing = tracing

    def call(self, request: Any, request_id: str | None = None, traceparent: str = "") -> Any:
        with self._relayed(request, request_id, traceparent) as known_id:
            return self._transport.call(request, known_id)

    async def acall(self, request: Any, request_id: str | None = None, traceparent: str = "") -> Any:
        with self._relayed(request, request_id, traceparent) as known_id:
            return await self._transport.acall(request, known_id)

    @contextmanager
    def _relayed(self, request: Any, request_id: str | None, traceparent: str) -> Iterator[str]:
        known_id = request_id or os.urandom(16).hex()  # by which an attempt is known to belong to it
        self._tracing.relay_began(known_id, type(request).__name__, traceparent)
        code = ""
        try:
            yield known_id
        except StatekeepError as error:
            code = error.code
            raise
        finally:
            self._tracing.relay_ended(known_id, code)
