"""Connections that do not get to the point: each stage of an exchange has its time and its room."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from statekeep_core._shared.state.errors import UnavailableError

from . import responses
from .whole_answers import WholeAnswer

if TYPE_CHECKING:
    import asyncio

    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

HEAD_BYTES = 65_536
# Of what was there to be read, each look finds that at least such a part was.
_LEAST_READ_PART = 1 / 8


class Limits(NamedTuple):
    """How long a client may take for the head of a request, for its body, and to read on in the answer."""

    head_seconds: float = 10.0
    body_seconds: float = 40.0
    unread_seconds: float = 30.0
    connections: int = 10_000


def bounded(limits: Limits) -> type[BoundedProtocol]:
    """Return the protocol of a server with these limits."""
    return type("ConfiguredProtocol", (BoundedProtocol,), {"limits": limits})


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose client takes too long: to send a head, or a body, or to read the answer.

    It is closed, too, when a head is too large, and at once, with a refusal, when there are too many already.
    """

    limits: ClassVar[Limits] = Limits()

    _head_deadline: asyncio.TimerHandle | None = None
    _body_deadline: asyncio.TimerHandle | None = None
    _unread_deadline: asyncio.TimerHandle | None = None
    _received_bytes = 0
    _unread_bytes = 0
    _least_read_bytes = 0.0

    # --- what the transport calls ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its parent
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self.transport.write(_too_many(self.limits.connections))
            self._close()
            return
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._received_bytes = 0
            self._forget_head()
            self._expect_body()
            return
        self._received_bytes += len(data)
        if self._received_bytes > HEAD_BYTES:
            self.transport.close()
        elif self._head_deadline is None:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        self._forget_body()
        if self._unread_deadline is not None:
            self._unread_deadline.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading()

    # --- what the parent calls ---------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        self._forget_body()
        self._expect_reading()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        super().send_400_response(msg)
        self._expect_reading()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        # The parent makes cycles of its own class; nothing was sent on this one yet.
        cycle.__class__ = WholeAnswer
        super()._start_asgi_task(cycle, app)

    # --- deadlines ---------------------------------------------------------------------------------------

    def _expect_head(self) -> None:
        self._head_deadline = self.loop.call_later(self.limits.head_seconds, self._close)

    def _forget_head(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _expect_body(self) -> None:
        """Wait for what is left of the body. The application has a limit of its own, with an answer."""
        if not self.cycle.more_body:
            self._forget_body()
        elif self._body_deadline is None:
            self._body_deadline = self.loop.call_later(self.limits.body_seconds, self._close)

    def _forget_body(self) -> None:
        if self._body_deadline is not None:
            self._body_deadline.cancel()
            self._body_deadline = None

    def _close(self) -> None:
        """Close the connection, and do not wait for ever until the client has read what is on its way."""
        self.transport.close()
        self._expect_reading()

    def _expect_reading(self) -> None:
        """See to it that what was written is read, slowly at least: it takes room until it is."""
        if self._unread_deadline is None and (unread_bytes := self.transport.get_write_buffer_size()):
            self._unread_bytes = unread_bytes
            self._least_read_bytes = max(self._least_read_bytes, unread_bytes * _LEAST_READ_PART)
            self._unread_deadline = self.loop.call_later(self.limits.unread_seconds, self._look_at_unread)

    def _look_at_unread(self) -> None:
        self._unread_deadline = None
        unread_bytes = self.transport.get_write_buffer_size()
        if not unread_bytes:
            self._least_read_bytes = 0.0
        elif self._unread_bytes - unread_bytes < self._least_read_bytes:
            self.transport.abort()
        else:
            self._expect_reading()


def _too_many(connections: int) -> bytes:
    problem = f"it has {connections:,} connections already, which is the limit; nothing was changed"
    response = responses.of_error(UnavailableError(what="the server", problem=problem, changed=False))
    headers = [
        (b"content-type", response.content_type),
        (b"content-length", b"%d" % len(response.body)),
        (b"connection", b"close"),
        *response.headers,
    ]
    lines = [b"HTTP/1.1 503 Service Unavailable", *(b": ".join(pair) for pair in headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + response.body
