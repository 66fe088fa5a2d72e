"""A proxy that mistreats the requests it is told to, as networks and services do."""

from __future__ import annotations

import contextlib
import enum
import socket
import struct
import time
from threading import Condition
from typing import TYPE_CHECKING

from tests.loopback_proxy import READ_BYTES, LoopbackProxy, Passage

if TYPE_CHECKING:
    from collections.abc import Callable

_GATHERING_SECONDS = 60.0  # for requests that never come
_SLOW_SECONDS = 0.01  # the fault itself, not a wait for anything
_METHODS = (b"GET ", b"PUT ", b"POST ", b"HEAD ", b"DELETE ")
_BUSY = b"HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Fault(enum.Enum):
    """What becomes of a request."""

    BUSY = "answered with 503, and not passed on"
    CUT_BEFORE = "the connection is cut, and nothing passed on"
    CUT_MIDWAY = "the connection is cut when part of the body was passed on"
    CUT_ANSWER = "passed on whole; the connection is cut when the answer comes"
    CUT_IN_ANSWER = "passed on whole; the connection is cut when a part of the answer's body came"
    SILENCE = "taken, and never answered"
    SLOW = "answered late, piece by piece"


class FaultyProxy(LoopbackProxy):
    """Asks ``fault_of(number, head)``, which may name a fault for a request.

    Requests are numbered from 0; ``head`` begins with the method. It is seen once for each request, as the
    client here sends no request before the last one was answered.
    """

    def __init__(self, target_port: int, fault_of: Callable[[int, bytes], Fault | None]) -> None:
        self.requests = 0
        self._at_once = 0
        self._held_until = 0
        self._fault_of = fault_of
        self._gathering = Condition()
        super().__init__(target_port)

    def passage(self, client: socket.socket, target: socket.socket) -> Passage:
        return _FaultyPassage(client, target, self)

    def hold_answers_until(self, in_flight: int) -> None:
        """Pass no answer back until so many requests have been in flight at once; past a minute, cut them."""
        self._held_until = in_flight

    def next_fault(self, head: bytes) -> Fault | None:
        """Count a request that comes, and name its fault."""
        with self._gathering:
            number, self.requests = self.requests, self.requests + 1
            self._at_once += 1
            self._gathering.notify_all()
        return self._fault_of(number, head)

    def has_gathered(self) -> bool:
        """Count a request that is answered, when as many are in flight as it is held for; False: too few."""
        with self._gathering:
            gathered = self._gathering.wait_for(lambda: self._held_until <= self._at_once, _GATHERING_SECONDS)
            if gathered:
                self._held_until = 0
                self._gathering.notify_all()
            self._at_once -= 1
        return gathered


class _FaultyPassage(Passage):
    def __init__(self, client: socket.socket, target: socket.socket, proxy: FaultyProxy) -> None:
        super().__init__(client, target)
        self._proxy = proxy
        self._fault: Fault | None = None
        self._is_answered = True
        self._passed_pieces = 0

    def pass_requests(self) -> None:
        while data := self.client.recv(READ_BYTES):
            if data.startswith(_METHODS):
                self._fault = self._proxy.next_fault(data)
                self._is_answered = False
            if not self._pass_on(data):
                break

    def pass_answers(self) -> None:
        while data := self.target.recv(READ_BYTES):
            if not self._is_answered:
                self._is_answered = True
                if not self._proxy.has_gathered():
                    break
            if not self._pass_back(data):
                break

    def hang_up(self) -> None:
        sides = (self.target,) if self._fault is Fault.BUSY else (self.client, self.target)
        for side in sides:
            with contextlib.suppress(OSError):  # closed already
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        super().hang_up()

    def _pass_on(self, data: bytes) -> bool:
        """Pass on what the client sent; return whether the connection is still of use."""
        if self._fault is Fault.BUSY:
            self.client.sendall(_BUSY)
            return False
        if self._fault is Fault.CUT_BEFORE:
            return False
        if self._fault is Fault.SILENCE:
            return True
        if self._fault is Fault.CUT_MIDWAY:
            self.target.sendall(data[: len(data) // 2])
            return False
        self.target.sendall(data)
        return True

    def _pass_back(self, data: bytes) -> bool:
        """Pass back what the server answered; return whether the connection is still of use."""
        if self._fault is Fault.CUT_ANSWER:
            return False
        if self._fault is Fault.SLOW:
            time.sleep(_SLOW_SECONDS)
        if self._fault is Fault.CUT_IN_ANSWER:
            self._passed_pieces += 1
            self.client.sendall(data)
            return self._passed_pieces < 3
        self.client.sendall(data)
        return True
