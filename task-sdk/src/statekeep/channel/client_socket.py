"""The socket of a task process: closed by whoever holds it, and by nobody who merely has its number."""

from __future__ import annotations

import os
import socket


class ClientSocket(socket.socket):
    """A Unix stream socket that knows whether its descriptor still is the one that it opened.

    A task may close descriptors that it did not open (``os.closerange`` before it becomes a daemon), and the
    next file or socket it opens gets the number. Nothing may be sent to that one, and it may not be closed.
    """

    _identity: tuple[int, int] | None = None

    def __init__(self) -> None:
        super().__init__(socket.AF_UNIX, socket.SOCK_STREAM)
        self._identity = _identity_of(self.fileno())

    def __del__(self) -> None:
        self.close()  # before the socket itself complains that nobody did

    @property
    def is_own(self) -> bool:
        """Whether the descriptor is open and leads to this socket."""
        return self._identity is not None and self._identity == _identity_of(self.fileno())

    def close(self) -> None:
        """Close the descriptor if it is this socket's; whoever shares it after a fork keeps theirs."""
        if self.is_own:
            super().close()
            return
        descriptor = self.detach()
        # A signal handler raised before the identity was taken, a moment after the descriptor was made.
        if self._identity is None and descriptor != -1:
            os.close(descriptor)


def _identity_of(descriptor: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino
