"""A TCP proxy on the loopback. What becomes of the requests that pass is for each kind of it to say."""

from __future__ import annotations

import contextlib
import socket
from abc import ABC, abstractmethod
from threading import Lock, Thread
from typing import Self

HOST = "127.0.0.1"
READ_BYTES = 65_536


class Passage(ABC):
    """One connection through a proxy. Requests and answers pass in a thread each, until one of them ends.

    An :class:`OSError` ends them, too: either side hung up, or was cut.
    """

    def __init__(self, client: socket.socket, target: socket.socket) -> None:
        self.client, self.target = client, target

    @abstractmethod
    def pass_requests(self) -> None:
        """Pass on what the client sends."""

    @abstractmethod
    def pass_answers(self) -> None:
        """Pass back what the target answers."""

    def hang_up(self) -> None:
        """Close both sides; they may be closed already."""
        for side in (self.client, self.target):
            with contextlib.suppress(OSError):  # closed already
                side.shutdown(socket.SHUT_RDWR)
            side.close()


class LoopbackProxy(ABC):
    """Passes on what comes to ``port``. It outlives its target: while that is away, clients are cut off."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._lock = Lock()
        self._open: set[Passage] = set()
        self._listener = socket.create_server((HOST, 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.go_away()

    @abstractmethod
    def passage(self, client: socket.socket, target: socket.socket) -> Passage:
        """Return the way of a new connection. Called from any thread."""

    def go_away(self) -> None:
        """Close everything: from now on, connections are refused."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            left = list(self._open)
        for one in left:
            one.hang_up()

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
        passage = self.passage(client, target)
        with self._lock:
            self._open.add(passage)
        answers = Thread(target=_pass_answers, args=(passage,), daemon=True)
        answers.start()
        with contextlib.suppress(OSError):
            passage.pass_requests()
        passage.hang_up()
        answers.join()
        with self._lock:
            self._open.discard(passage)


def _pass_answers(passage: Passage) -> None:
    with contextlib.suppress(OSError):
        passage.pass_answers()
    passage.hang_up()
