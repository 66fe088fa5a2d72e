"""Makes what spans are recorded with, and sends them to a collector, from a thread that starts late."""

from __future__ import annotations

import logging
import os
import threading
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span
    from opentelemetry.sdk.trace.export import SpanExporter

    from ..tracing_options import Tracing

# Past it, spans are dropped: a collector that is away takes no memory, and keeps nobody waiting.
_WAITING_SPANS = 4_096
_BATCH_SPANS = 512
_PAUSE_SECONDS = 1.0
_EXPORT_SECONDS = 5.0
# A process that ends waits for no more than this.
_CLOSE_SECONDS = 3.0


class SpanSender(SpanProcessor):
    """Sends spans in batches, from a daemon thread, which starts with the first span after :meth:`release`.

    A supervisor forks before; in a forked child the thread starts anew, with the child's own first span.
    """

    def __init__(self, exporter: SpanExporter, *, is_released: bool = True) -> None:
        self._exporter = exporter
        self._is_released = is_released
        self._ended: Queue[ReadableSpan | None] = Queue(_WAITING_SPANS)
        self._thread: threading.Thread | None = None
        self._thread_pid = 0
        self._starting = threading.Lock()

    def release(self) -> None:
        """Let the thread start."""
        self._is_released = True

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing: a span is sent when it has ended."""

    def on_end(self, span: ReadableSpan) -> None:
        try:
            self._ended.put_nowait(span)
        except Full:
            return
        if self._is_released and self._thread_pid != os.getpid():
            self._start()

    def shutdown(self) -> None:
        """Send what waits, for a few seconds at most."""
        self.force_flush()
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = int(_CLOSE_SECONDS * 1000)) -> bool:
        if self._ended.empty() and self._thread_pid != os.getpid():
            return True
        self._start()
        try:
            self._ended.put(None, timeout=timeout_millis / 1000)
        except Full:
            return False
        if self._thread is not None:
            self._thread.join(timeout_millis / 1000)
            return not self._thread.is_alive()
        return True

    def _start(self) -> None:
        with self._starting:
            if self._thread_pid != os.getpid():
                self._thread_pid = os.getpid()
                self._thread = threading.Thread(target=self._work, name="statekeep-traces", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        is_open = True
        while is_open:
            batch = [self._ended.get()]
            # What comes soon after goes along.
            try:
                while batch[-1] is not None and len(batch) < _BATCH_SPANS:
                    batch.append(self._ended.get(timeout=_PAUSE_SECONDS))
            except Empty:
                pass
            is_open = batch[-1] is not None
            spans = [span for span in batch if span is not None]
            if spans:
                self._exporter.export(spans)
        self._thread_pid = 0


def provider_of(
    options: Tracing,
    environ: Mapping[str, str],
    service: str,
    *,
    is_released: bool = True,
    samples_all: bool = False,
) -> tuple[TracerProvider, SpanSender]:
    """Return what records spans as the settings have it, and what sends them; ``service`` is their name.

    With ``samples_all`` the share that the settings name is the caller's to draw.
    """
    # What the exporter says of a collector that is away is for whoever has set up a log, not for stderr.
    logging.getLogger("opentelemetry.exporter").addHandler(logging.NullHandler())
    own = {"service.name": environ.get("OTEL_SERVICE_NAME") or service}
    endpoint = f"{options.endpoint.rstrip('/')}/v1/traces" if options.endpoint else None
    sender = SpanSender(OTLPSpanExporter(endpoint, timeout=_EXPORT_SECONDS), is_released=is_released)
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(1.0 if samples_all else options.sampled_share)),
        resource=Resource.create(own),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(sender)
    return provider, sender
