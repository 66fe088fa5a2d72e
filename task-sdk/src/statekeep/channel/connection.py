"""One blocking connection to the supervisor."""

from __future__ import annotations

import os

from .._shared.state import messages, wire
from .client_socket import ClientSocket
from .errors import no_answer, not_listening
from .frames import FrameDecoder, encode_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._shared.state.wire import Plain

SMALLEST_READ_BYTES = 64 * 1024
# A larger buffer per read was no faster on a value of 60 MiB.
LARGEST_READ_BYTES = 1024 * 1024


class Connection:
    """A connection that one thread uses at a time, one request after the other.

    It belongs to the process that made it: a forked child that used it would take its parent's replies.
    """

    def __init__(self, address: str) -> None:
        """Connect, greet, and learn the context.

        Raises :class:`SupervisorGoneError` when nobody listens or answers, and whatever the supervisor
        refuses the greeting with.
        """
        self._socket = ClientSocket()
        self._decoder = FrameDecoder()
        self._pid = os.getpid()
        self._last_number = 0
        self._is_idle = True
        try:
            self._socket.connect(address)
        except OSError as error:
            self.close()
            raise not_listening(error) from error
        self.context: messages.Context = received(self.exchange(wire.to_plain(messages.Hello())))

    @property
    def is_usable(self) -> bool:
        """Whether the next request may go over this connection.

        False in a forked child, after an exchange that broke off, be it by a signal handler that raised (what
        the stream holds then is unknown), and when somebody else closed the descriptor.
        """
        return self._is_idle and self._pid == os.getpid() and self._socket.is_own

    def exchange(self, message: Plain, request_id: str | None = None, traceparent: str = "") -> Plain:
        """Send a request and return the plain reply to it, a refusal included.

        Raises :class:`FrameTooLargeError` before anything is sent, and :class:`SupervisorGoneError` when
        the connection breaks; a write may have taken effect then.
        """
        self._last_number += 1
        frame = encode_frame(self._last_number, message, request_id, traceparent)
        self._is_idle = False
        try:
            self._socket.sendall(frame)
            reply = self._receive()
        except OSError as error:
            raise no_answer(f"the connection broke ({error.strerror or error})") from error
        self._is_idle = True
        return reply

    def close(self) -> None:
        """Close this process's descriptor; whoever shares the connection after a fork keeps theirs."""
        self._socket.close()

    def _receive(self) -> Plain:
        while True:
            frame = self._decoder.take()
            if frame is not None and frame.number == self._last_number:
                return frame.message
            if frame is None:
                size_bytes = max(SMALLEST_READ_BYTES, self._decoder.missing_bytes)
                data = self._socket.recv(min(size_bytes, LARGEST_READ_BYTES))
                if not data:
                    self._decoder.end()
                    raise no_answer("it closed the connection")
                self._decoder.feed(data)


def received(reply: Plain) -> Any:
    """Return the message of a plain reply, or raise the error that it carries."""
    return wire.raise_if_refused(wire.from_plain(reply, ignore_unknown=True))
