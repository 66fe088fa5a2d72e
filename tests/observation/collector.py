"""A collector of OpenTelemetry that takes spans by OTLP over HTTP, and keeps them for a test to look at."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_LIMIT_SECONDS = 60


class CollectedSpan(NamedTuple):
    """One span, its ids as hexadecimal text."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]


class Collector:
    """What has arrived, of all processes."""

    def __init__(self) -> None:
        # An exporter that is not answered in time sends the same spans again.
        self._spans: dict[str, CollectedSpan] = {}
        self.bodies: list[bytes] = []
        self._arrived = threading.Condition()

    def add(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self._arrived:
            self.bodies.append(body)
            for resource in request.resource_spans:
                service = _values(resource.resource.attributes)["service.name"]
                for scope in resource.scope_spans:
                    collected = [_collected(service, span) for span in scope.spans]
                    self._spans |= {span.span_id: span for span in collected}
            self._arrived.notify_all()

    @property
    def spans(self) -> list[CollectedSpan]:
        return [*self._spans.values()]

    def wait_for(self, *names: str) -> None:
        """Return when there is a span by each of these names."""
        with self._arrived:
            came = self._arrived.wait_for(
                lambda: set(names) <= {span.name for span in self.spans}, _LIMIT_SECONDS
            )
        assert came, (names, [(span.service, span.name) for span in self.spans])

    def named(self, name: str) -> list[CollectedSpan]:
        return [span for span in self.spans if span.name == name]

    def above(self, span: CollectedSpan) -> list[tuple[str, str]]:
        """Return the service and name of a span and of each above it, as far as they have come."""
        known, path, at = self._spans, [], span
        while True:
            path.append((at.service, at.name))
            if at.parent_id not in known:
                return path
            at = known[at.parent_id]


def _collected(service: str, span: Any) -> CollectedSpan:
    return CollectedSpan(
        service,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        _values(span.attributes),
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextmanager
def running_collector() -> Iterator[tuple[str, Collector]]:
    """Give the URL of a collector, and what it has collected."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.add(gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- as its parent has it
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
