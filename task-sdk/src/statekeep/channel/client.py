"""The task process's side of the channel: every request goes through here."""

from __future__ import annotations

from contextlib import contextmanager

from .._shared.state import wire
from .._shared.state.errors import StatekeepError
from .connection import Connection, received
from .errors import SupervisorGoneError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator
    from typing import Any
    from weakref import WeakKeyDictionary

    from .._shared.state import messages
    from .._shared.state.wire import Plain
    from .aio import LoopConnection

_FULL_QUEUE_PAUSE_SECONDS = 0.01


class ChannelClient:
    """Requests to the supervisor, from any thread, any event loop, and any forked child at once.

    A request whose connection breaks is repeated once over a new one, under its request id, so that it
    takes effect at most once. (A request without an id is harmless to repeat.)
    """

    def __init__(self, address: str) -> None:
        self._address = address
        # A connection is taken out while it is in use, so two threads, or a signal handler and what it
        # interrupted, never share one. Taking from and adding to a list needs no lock.
        self._idle: list[Connection] = []
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, LoopConnection] | None = None

    def context(self) -> messages.Context:
        """Return what the supervisor says of this try when it is greeted."""
        connection = self._connection()
        self._idle.append(connection)
        return connection.context

    def call(self, request: Any, request_id: str | None = None, traceparent: str = "") -> Any:
        """Send a request and return the reply; raise the error of a refusal.

        ``traceparent`` names the span that it comes from, for a supervisor that traces.

        Raises :class:`FrameTooLargeError` before anything is sent, and :class:`SupervisorGoneError` when
        the supervisor cannot be reached (any more), which says whether a write's outcome is unknown. A
        refusal after that is not the first answer (``is_first_answer``).
        """
        message = wire.to_plain(request)
        try:
            return received(self._exchange(message, request_id, traceparent))
        except SupervisorGoneError as first:
            with _repetition_after(first):
                return received(self._exchange(message, request_id, traceparent))

    async def acall(self, request: Any, request_id: str | None = None, traceparent: str = "") -> Any:
        """As :meth:`call`, without blocking the event loop."""
        message = wire.to_plain(request)
        try:
            return received(await self._aexchange(message, request_id, traceparent))
        except SupervisorGoneError as first:
            with _repetition_after(first):
                return received(await self._aexchange(message, request_id, traceparent))

    def _exchange(self, message: Plain, request_id: str | None, traceparent: str) -> Plain:
        connection = self._connection()
        try:
            return connection.exchange(message, request_id, traceparent)
        finally:
            if connection.is_usable:
                self._idle.append(connection)
            else:
                connection.close()

    def _connection(self) -> Connection:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return Connection(self._address)
            if connection.is_usable:
                return connection
            connection.close()

    async def _aexchange(self, message: Plain, request_id: str | None, traceparent: str) -> Plain:
        import asyncio

        while True:
            try:
                connection = self._loop_connection(asyncio.get_running_loop())
            except BlockingIOError:
                await asyncio.sleep(_FULL_QUEUE_PAUSE_SECONDS)
            else:
                return await connection.exchange(message, request_id, traceparent)

    def _loop_connection(self, loop: asyncio.AbstractEventLoop) -> LoopConnection:
        if self._loops is None:
            from weakref import WeakKeyDictionary

            self._loops = WeakKeyDictionary()
        connection = self._loops.get(loop)
        if connection is None or not connection.is_usable:
            from .aio import LoopConnection

            if connection is not None:
                connection.abandon(loop)
            connection = self._loops[loop] = LoopConnection(self._address)
        return connection


@contextmanager
def _repetition_after(first: SupervisorGoneError) -> Iterator[None]:
    """Make of what the second attempt raises what the caller is told, who knows of one only."""
    try:
        yield
    except SupervisorGoneError:
        raise first from None
    except StatekeepError as refusal:
        refusal.is_first_answer = False
        raise
