"""The supervisor's end of the channel: listens, and keeps one connection per thread of the task."""

from __future__ import annotations

import contextlib
import errno
import socket
from typing import TYPE_CHECKING

from .._shared.state.errors import UnavailableError
from .connection import Connection
from .loop import READ
from .peer import is_same_user

if TYPE_CHECKING:
    from pathlib import Path

    from .loop import Loop
    from .relay import Relay

_WAITING_CONNECTIONS = 128

# The queue of connections stays full for as long as these last, and would wake the loop without end.
_LASTING_ERRORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_ACCEPT_PAUSE_SECONDS = 0.1


class ChannelServer:
    """Listens at ``path`` for the processes of one try until it is closed."""

    def __init__(self, loop: Loop, path: Path, relay: Relay) -> None:
        """Raises :class:`UnavailableError` when no socket can be made there."""
        self.path = path
        self._loop = loop
        self._relay = relay
        self._connections: set[Connection] = set()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._listener.bind(str(path))
            self._listener.listen(_WAITING_CONNECTIONS)
        except OSError as error:
            self._listener.close()
            raise UnavailableError(what=f"the socket {path}", problem=str(error)) from error
        self._listener.setblocking(False)
        self._listen()

    def close(self) -> None:
        """End every connection and remove the socket. What is in flight is not answered any more."""
        if self._listener.fileno() == -1:
            return
        self._loop.unwatch(self._listener.fileno())
        self._listener.close()
        for connection in list(self._connections):
            connection.close()
        self.path.unlink(missing_ok=True)

    def _listen(self) -> None:
        if self._listener.fileno() != -1:  # closed during the pause
            self._loop.watch(self._listener.fileno(), READ, self._accept)

    def _accept(self, _: int) -> None:
        try:
            peer, _address = self._listener.accept()
        except OSError as error:  # it went away before, or there are too many open files, which may pass
            if error.errno in _LASTING_ERRORS:
                self._loop.unwatch(self._listener.fileno())
                self._loop.call_after(_ACCEPT_PAUSE_SECONDS, self._listen)
            return
        if not is_same_user(peer):
            peer.close()
            return
        peer.setblocking(False)
        self._connections.add(Connection(self._loop, peer, self._relay, on_close=self._connections.discard))

    def __enter__(self) -> ChannelServer:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self.close()
