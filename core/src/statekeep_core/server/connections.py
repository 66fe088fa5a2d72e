"""Connections that do not get to the point: bounded while the head of a request is on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request's head takes too long or too much. Bodies have their own bounds."""

    head_seconds: ClassVar[float] = 10.0
    head_bytes: ClassVar[int] = 65_536

    _head_deadline: asyncio.TimerHandle | None = None
    _received_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its parent
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._received_bytes = 0
            self._forget_deadline()
            return
        self._received_bytes += len(data)
        if self._received_bytes > self.head_bytes:
            self.transport.close()
        elif self._head_deadline is None:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._head_deadline = self.loop.call_later(self.head_seconds, self.transport.close)

    def _forget_deadline(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None
