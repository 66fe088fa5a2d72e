"""One connection to the supervisor that the coroutines of one event loop share."""

from __future__ import annotations

import asyncio
import os
import socket

from .._shared.state import messages, wire
from .._shared.state.errors import StatekeepError
from .connection import LARGEST_READ_BYTES, SMALLEST_READ_BYTES, received
from .errors import no_answer, not_listening
from .frames import FrameDecoder, encode_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._shared.state.wire import Plain
    from .frames import Frame

_HELLO_NUMBER = 0


class LoopConnection:
    """A connection over which any number of requests of one event loop are in flight, told apart by number.

    The loop watches the socket only while somebody waits, so that a loop that ends has nothing to close:
    the descriptor goes with the connection.
    """

    def __init__(self, address: str) -> None:
        """Connect, and send the greeting without waiting for the answer.

        Raises ``BlockingIOError`` when the supervisor's queue of connections is full (try again a little
        later), and :class:`SupervisorGoneError` when nobody listens.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._decoder = FrameDecoder()
        self._pid = os.getpid()
        self._is_broken = False
        self._last_number = _HELLO_NUMBER
        self._waiting: dict[int, asyncio.Future[Plain]] = {}
        self._unsent = bytearray(encode_frame(_HELLO_NUMBER, wire.to_plain(messages.Hello())))
        try:
            self._socket.connect(address)
        except BlockingIOError:
            raise
        except OSError as error:
            raise not_listening(error) from error

    def __del__(self) -> None:
        self._socket.close()  # before the socket itself complains that nobody did

    @property
    def is_usable(self) -> bool:
        """Whether the next request may go over this connection: it is whole, and of this process."""
        return not self._is_broken and self._pid == os.getpid()

    async def exchange(self, message: Plain, request_id: str | None = None) -> Plain:
        """Send a request and return the plain reply to it, a refusal included.

        A caller who is cancelled leaves the connection whole: its frame is sent to the end, and its reply
        is dropped when it comes. Raises as ``Connection.exchange`` does.
        """
        loop = asyncio.get_running_loop()
        self._last_number += 1
        number = self._last_number
        self._unsent += encode_frame(number, message, request_id)
        reply: asyncio.Future[Plain] = loop.create_future()
        if not self._waiting:
            loop.add_reader(self._socket, self._receive, loop)
        self._waiting[number] = reply
        self._send(loop)
        try:
            return await reply
        finally:
            self._forget(loop, number)

    def _forget(self, loop: asyncio.AbstractEventLoop, number: int) -> None:
        reply = self._waiting.pop(number, None)
        if reply is not None and reply.done() and not reply.cancelled():
            reply.exception()  # a caller cancelled at the last moment never fetched it
        if not self._waiting and not self._is_broken and not loop.is_closed():
            loop.remove_reader(self._socket)

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            sent_bytes = self._socket.send(self._unsent)
        except BlockingIOError:
            sent_bytes = 0
        except OSError as error:
            self._break(loop, no_answer(f"the connection broke ({error.strerror or error})"))
            return
        del self._unsent[:sent_bytes]
        if self._unsent:
            loop.add_writer(self._socket, self._send, loop)
        else:
            loop.remove_writer(self._socket)

    def _receive(self, loop: asyncio.AbstractEventLoop) -> None:
        size_bytes = max(SMALLEST_READ_BYTES, self._decoder.missing_bytes)
        try:
            data = self._socket.recv(min(size_bytes, LARGEST_READ_BYTES))
            if not data:
                self._decoder.end()
                raise no_answer("it closed the connection")
            self._decoder.feed(data)
            while (frame := self._decoder.take()) is not None:
                self._hand_over(frame)
        except BlockingIOError:
            pass
        except OSError as error:
            self._break(loop, no_answer(f"the connection broke ({error.strerror or error})"))
        except StatekeepError as error:
            self._break(loop, error)

    def _hand_over(self, frame: Frame) -> None:
        if frame.number == _HELLO_NUMBER:
            received(frame.message)
        reply = self._waiting.get(frame.number)
        if reply is not None and not reply.done():
            reply.set_result(frame.message)

    def _break(self, loop: asyncio.AbstractEventLoop, error: StatekeepError) -> None:
        """Give up the connection, and tell everyone who waits why."""
        self._is_broken = True
        loop.remove_reader(self._socket)
        loop.remove_writer(self._socket)
        self._socket.close()
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(error)
