"""A TCP proxy on the loopback that keeps some requests until nobody waits for them, and passes them on then.

That is what a router, a load balancer or a stopped server does to a client that gave up and asked elsewhere.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from threading import Event, Lock, Thread

HOST = "127.0.0.1"
_READ_BYTES = 65_536
_LIMIT_SECONDS = 10.0


class LateProxy:
    """Passes on what comes to ``port``. ``late_seconds(head)`` may name how long after its client's end.

    ``head`` is the first part of a request, of one connection after the other. None: it is passed on now.
    """

    def __init__(self, target_port: int, late_seconds: Callable[[bytes], float | None]) -> None:
        self._target_port = target_port
        self._late_seconds = late_seconds
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((HOST, 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        Thread(target=self._accept, daemon=True).start()

    def go_away(self) -> None:
        """Close everything."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            left = list(self._open)
        for one in left:
            _close(one)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed: gone away
            while True:
                client, _ = self._listener.accept()
                Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            target = socket.create_connection((HOST, self._target_port))
        except OSError:  # the target is away
            client.close()
            return
        with self._lock:
            self._open |= {client, target}
        has_answered = Event()
        answers = Thread(target=_pass_back, args=(target, client, has_answered), daemon=True)
        answers.start()
        with contextlib.suppress(OSError):  # either side hung up
            while data := client.recv(_READ_BYTES):
                late_seconds = self._late_seconds(data) if data.startswith(b"POST ") else None
                if late_seconds is not None:
                    _keep(client, target, data, late_seconds)
                    has_answered.wait(_LIMIT_SECONDS)  # a server drops a request whose client is gone
                    break
                target.sendall(data)
        _close(client)
        _close(target)
        answers.join()
        with self._lock:
            self._open -= {client, target}


def _keep(client: socket.socket, target: socket.socket, begun: bytes, late_seconds: float) -> None:
    """Take the rest of a request, wait until its client gives up, and longer, and pass it on whole."""
    kept = [begun]
    with contextlib.suppress(OSError):  # a client that gives up may reset
        while data := client.recv(_READ_BYTES):
            kept.append(data)
    time.sleep(late_seconds)  # the fault itself, not a wait for anything
    target.sendall(b"".join(kept))


def _pass_back(target: socket.socket, client: socket.socket, has_answered: Event) -> None:
    with contextlib.suppress(OSError):  # either side hung up
        while data := target.recv(_READ_BYTES):
            has_answered.set()
            client.sendall(data)
    has_answered.set()
    with contextlib.suppress(OSError):  # closed already
        client.shutdown(socket.SHUT_RDWR)


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed already
        one.shutdown(socket.SHUT_RDWR)
    one.close()
