"""A proxy that keeps some requests until nobody waits for them, and passes them on then.

That is what a router, a load balancer or a stopped server does to a client that gave up and asked elsewhere.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from threading import Event

from tests.loopback_proxy import READ_BYTES, LoopbackProxy, Passage

_LIMIT_SECONDS = 10.0

LateSeconds = Callable[[bytes], float | None]


class LateProxy(LoopbackProxy):
    """Asks ``late_seconds(head)`` how long after its client's end a request is to arrive.

    ``head`` is the first part of a request, of one connection after the other. None: it is passed on now.
    """

    def __init__(self, target_port: int, late_seconds: LateSeconds) -> None:
        self._late_seconds = late_seconds
        super().__init__(target_port)

    def passage(self, client: socket.socket, target: socket.socket) -> Passage:
        return _LatePassage(client, target, self._late_seconds)


class _LatePassage(Passage):
    def __init__(self, client: socket.socket, target: socket.socket, late_seconds: LateSeconds) -> None:
        super().__init__(client, target)
        self._late_seconds = late_seconds
        self._has_answered = Event()

    def pass_requests(self) -> None:
        while data := self.client.recv(READ_BYTES):
            late_seconds = self._late_seconds(data) if data.startswith(b"POST ") else None
            if late_seconds is not None:
                self._keep(data, late_seconds)
                self._has_answered.wait(_LIMIT_SECONDS)  # a server drops a request whose client is gone
                break
            self.target.sendall(data)

    def pass_answers(self) -> None:
        try:
            while data := self.target.recv(READ_BYTES):
                self._has_answered.set()
                self.client.sendall(data)
        finally:
            self._has_answered.set()

    def _keep(self, begun: bytes, late_seconds: float) -> None:
        """Take the rest of a request, wait until its client gives up, and longer, and pass it on whole."""
        kept = [begun]
        with contextlib.suppress(OSError):  # a client that gives up may reset
            while data := self.client.recv(READ_BYTES):
                kept.append(data)
        self._has_answered.clear()
        time.sleep(late_seconds)  # the fault itself, not a wait for anything
        self.target.sendall(b"".join(kept))
