"""A TCP proxy on the loopback that mistreats the requests it is told to, as networks and services do."""

from __future__ import annotations

import contextlib
import enum
import socket
import struct
import time
from threading import Condition, Thread
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "127.0.0.1"
_READ_BYTES = 65_536
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


class FaultyProxy:
    """Passes on what comes to ``port``; ``fault_of(number, head)`` may name a fault for a request.

    Requests are numbered from 0; ``head`` begins with the method. It is seen once for each request, as the
    client here sends no request before the last one was answered.
    """

    def __init__(self, target_port: int, fault_of: Callable[[int, bytes], Fault | None]) -> None:
        self.requests = 0
        self._at_once = 0
        self._held_until = 0
        self._target_port = target_port
        self._fault_of = fault_of
        self._lock = Condition()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((HOST, 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.go_away()

    def hold_answers_until(self, in_flight: int) -> None:
        """Pass no answer back until so many requests have been in flight at once; past a minute, cut them."""
        self._held_until = in_flight

    def go_away(self) -> None:
        """Close everything: from now on, connections are refused."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            left = list(self._open)
        for one in left:
            _cut(one)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed: gone away
            while True:
                client, _ = self._listener.accept()
                Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        connection = _Connection(client, socket.create_connection((HOST, self._target_port)))
        with self._lock:
            self._open |= {client, connection.target}
        answers = Thread(target=self._pass_answers, args=(connection,), daemon=True)
        answers.start()
        with contextlib.suppress(OSError):  # either side hung up, or was cut
            while data := client.recv(_READ_BYTES):
                if data.startswith(_METHODS):
                    connection.fault = self._next_fault(data)
                    connection.answered = False
                if not connection.pass_on(data):
                    break
        connection.hang_up()
        answers.join()
        with self._lock:
            self._open -= {client, connection.target}

    def _pass_answers(self, connection: _Connection) -> None:
        with contextlib.suppress(OSError):  # either side hung up, or was cut
            while data := connection.target.recv(_READ_BYTES):
                if not connection.answered:
                    connection.answered = True
                    if not self._has_gathered():
                        break
                if not connection.pass_back(data):
                    break
        connection.hang_up()

    def _has_gathered(self) -> bool:
        with self._lock:
            gathered = self._lock.wait_for(lambda: self._held_until <= self._at_once, _GATHERING_SECONDS)
            if gathered:
                self._held_until = 0
                self._lock.notify_all()
            self._at_once -= 1
        return gathered

    def _next_fault(self, head: bytes) -> Fault | None:
        with self._lock:
            number, self.requests = self.requests, self.requests + 1
            self._at_once += 1
            self._lock.notify_all()
        return self._fault_of(number, head)


class _Connection:
    def __init__(self, client: socket.socket, target: socket.socket) -> None:
        self.client, self.target = client, target
        self.fault: Fault | None = None
        self.answered = True
        self._passed_pieces = 0

    def pass_on(self, data: bytes) -> bool:
        """Pass on what the client sent; return whether the connection is still of use."""
        if self.fault is Fault.BUSY:
            self.client.sendall(_BUSY)
            return False
        if self.fault is Fault.CUT_BEFORE:
            return False
        if self.fault is Fault.SILENCE:
            return True
        if self.fault is Fault.CUT_MIDWAY:
            self.target.sendall(data[: len(data) // 2])
            return False
        self.target.sendall(data)
        return True

    def pass_back(self, data: bytes) -> bool:
        """Pass back what the server answered; return whether the connection is still of use."""
        if self.fault is Fault.CUT_ANSWER:
            return False
        if self.fault is Fault.SLOW:
            time.sleep(_SLOW_SECONDS)
        if self.fault is Fault.CUT_IN_ANSWER:
            self._passed_pieces += 1
            self.client.sendall(data)
            return self._passed_pieces < 3
        self.client.sendall(data)
        return True

    def hang_up(self) -> None:
        _cut(self.client, politely=self.fault is Fault.BUSY)
        _cut(self.target)


def _cut(one: socket.socket, *, politely: bool = False) -> None:
    with contextlib.suppress(OSError):  # closed already
        if not politely:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        one.shutdown(socket.SHUT_RDWR)
    one.close()
