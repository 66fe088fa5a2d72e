"""One connection to the supervisor that the coroutines of one event loop share."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from functools import partial

from .._shared.state import messages, wire
from .._shared.state.errors import StatekeepError
from .cancelled_calls import outcome
from .client_socket import ClientSocket
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
        self._socket = ClientSocket()
        self._socket.setblocking(False)
        self._decoder = FrameDecoder()
        self._pid = os.getpid()
        self._is_broken = False
        self._is_reading = False
        self._is_writing = False
        self._last_number = _HELLO_NUMBER
        self._waiting: dict[int, asyncio.Future[Plain]] = {}
        # What is left of each frame, in the order of the requests; only of the first, something may be sent.
        greeting = memoryview(encode_frame(_HELLO_NUMBER, wire.to_plain(messages.Hello())))
        self._unsent = OrderedDict({_HELLO_NUMBER: greeting})
        self._begun_number = _HELLO_NUMBER
        try:
            self._socket.connect(address)
        except BlockingIOError:
            raise
        except OSError as error:
            raise not_listening(error) from error

    @property
    def is_usable(self) -> bool:
        """Whether the next request may go over this connection: it is whole, and of this process."""
        return not self._is_broken and self._pid == os.getpid() and self._socket.is_own

    async def exchange(self, message: Plain, request_id: str | None = None, traceparent: str = "") -> Plain:
        """Send a request and return the plain reply to it, a refusal included.

        When the caller is cancelled, a frame of which nothing has been sent is dropped; otherwise the caller
        is cancelled when the reply has come or the connection has ended. So what the caller does next, over
        another connection too, is not overtaken by this request. Raises as ``Connection.exchange`` does.
        """
        loop = asyncio.get_running_loop()
        self._last_number += 1
        number = self._last_number
        self._unsent[number] = memoryview(encode_frame(number, message, request_id, traceparent))
        reply: asyncio.Future[Plain] = loop.create_future()
        self._waiting[number] = reply
        self._send(loop)
        try:
            return await outcome(reply, partial(self._take_back, number))
        finally:
            self._take_back(number)  # a coroutine that is closed in the middle
            self._waiting.pop(number, None)
            self._watch(loop)

    def abandon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let go of a connection that is not usable any more, and tell everyone who waits.

        Does nothing in a forked child: what the loop watches is its parent's.
        """
        if not self._is_broken and self._pid == os.getpid():
            self._break(loop, no_answer("somebody closed the descriptor of the connection"))

    def _take_back(self, number: int) -> bool:
        """Drop a request of which nothing has been sent; return whether it was one."""
        return number != self._begun_number and self._unsent.pop(number, None) is not None

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while self._unsent:
                number, frame = next(iter(self._unsent.items()))
                sent_bytes = self._socket.send(frame)
                self._begun_number = number
                if sent_bytes < len(frame):
                    self._unsent[number] = frame[sent_bytes:]
                else:
                    del self._unsent[number]
        except BlockingIOError:
            pass
        except OSError as error:
            self._break(loop, no_answer(f"the connection broke ({error.strerror or error})"))
        self._watch(loop)

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

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the loop watch for what is awaited, and for nothing else."""
        if loop.is_closed():
            return
        reads = bool(self._waiting) and not self._is_broken
        writes = bool(self._unsent) and not self._is_broken
        if reads != self._is_reading:
            self._is_reading = reads
            loop.add_reader(self._socket, self._receive, loop) if reads else loop.remove_reader(self._socket)
        if writes != self._is_writing:
            self._is_writing = writes
            loop.add_writer(self._socket, self._send, loop) if writes else loop.remove_writer(self._socket)

    def _break(self, loop: asyncio.AbstractEventLoop, error: StatekeepError) -> None:
        """Give up the connection, and tell everyone who waits why."""
        if self._is_broken:
            return
        self._is_broken = True
        self._watch(loop)
        self._socket.close()
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(error)
