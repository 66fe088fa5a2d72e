"""One connection of a task process: its requests in, their replies out, in bounded memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .._shared.state.errors import StatekeepError
from .._shared.state.wire import plain_refusal
from ..channel.frames import FrameDecoder, encode_frame
from .loop import READ, WRITE

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .._shared.state.wire import Plain
    from .loop import Loop
    from .relay import Relay

# Beyond these the supervisor reads no more from the connection until it has caught up. What is unsent and
# what the replies in flight may come to count together: a peer that never reads costs this, and one reply.
_REQUESTS_IN_FLIGHT = 64
_REPLY_BYTES = 4 * 1024 * 1024

_READ_BYTES = 256 * 1024


class Connection:
    """A connected task process. Used in the loop's thread only."""

    def __init__(
        self, loop: Loop, peer: socket.socket, relay: Relay, *, on_close: Callable[[Connection], None]
    ) -> None:
        self._loop = loop
        self._peer = peer
        self._relay = relay
        self._on_close = on_close
        self._decoder = FrameDecoder()
        self._unsent = bytearray()
        self._requests_in_flight = 0
        self._expected_bytes = 0
        self._is_open = True
        self._is_advancing = False
        self._watched = READ
        loop.watch(peer.fileno(), READ, self._on_ready)

    def close(self) -> None:
        """End the connection. Replies that come later are dropped."""
        if self._is_open:
            self._is_open = False
            self._loop.unwatch(self._peer.fileno())
            self._peer.close()
            self._on_close(self)

    def _on_ready(self, events: int) -> None:
        try:
            if events & READ:
                self._receive()
            self._advance()
        # What comes over one connection may end that one, and neither the others nor the supervisor.
        except Exception:
            self.close()

    def _receive(self) -> None:
        try:
            data = self._peer.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._decoder.feed(data)
        else:
            self.close()

    def _reply(self, number: int, expected_bytes: int, message: Plain) -> None:
        self._requests_in_flight -= 1
        self._expected_bytes -= expected_bytes
        try:
            self._unsent += _reply_frame(number, message)
            self._advance()
        # As above. The request may have taken effect, so no refusal will do: the peer sees the end.
        except Exception:
            self.close()

    def _advance(self) -> None:
        """Do whatever can be done now: pass requests on, send replies, and wait for what comes next."""
        if self._is_advancing:  # a request was answered at once; its reply is sent below
            return
        self._is_advancing = True
        try:
            self._pass_on()
            # What is decoded already brings no event of its own: with room again, it is passed on here.
            while self._send():
                self._pass_on()
        finally:
            self._is_advancing = False
        self._watch()

    def _pass_on(self) -> None:
        try:
            while self._has_room() and (frame := self._decoder.take()) is not None:
                expected_bytes = self._relay.reply_bytes(frame.message)
                self._requests_in_flight += 1
                self._expected_bytes += expected_bytes
                reply = partial(self._reply, frame.number, expected_bytes)
                self._relay.handle(frame.message, frame.request_id, reply, frame.traceparent)
        except StatekeepError:
            # What came is no frame, and where the next one begins is unknown; the peer sees the end.
            self.close()

    def _send(self) -> bool:
        """Send what the socket takes, and return whether that made room where there was none."""
        if not self._is_open or not self._unsent:
            return False
        had_room = self._has_room()
        try:
            del self._unsent[: self._peer.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
        return not had_room and self._has_room()

    def _has_room(self) -> bool:
        return (
            self._is_open
            and self._requests_in_flight < _REQUESTS_IN_FLIGHT
            and len(self._unsent) + self._expected_bytes < _REPLY_BYTES
        )

    def _watch(self) -> None:
        if not self._is_open:
            return
        events = (READ if self._has_room() else 0) | (WRITE if self._unsent else 0)
        if events == self._watched:
            return
        self._watched = events
        if events:
            self._loop.watch(self._peer.fileno(), events, self._on_ready)
        else:
            self._loop.unwatch(self._peer.fileno())


def _reply_frame(number: int, message: Plain) -> bytes:
    try:
        return encode_frame(number, message)
    except StatekeepError as error:  # too large for one frame
        return encode_frame(number, plain_refusal(error))
