"""Writes the log's lines to a descriptor, and waits for nobody who is to read them.

No thread does it: the parent of workers forks, and has none for that reason. A line that meets a full pipe
waits here for the next line, or for the end.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import stat
import time
from collections import deque

_WAITING_LINES = 1_000
_AT_THE_END_SECONDS = 1.0
# A pipe takes so much whole or not at all, and has room for it when it says that it has room.
_PIECE_BYTES = select.PIPE_BUF


class Drain:
    """Where lines go: a pipe, a socket, a terminal or a file, which others may have open, too."""

    def __init__(self, descriptor: int) -> None:
        own = _opened_again(descriptor)
        self._is_shared = own is None
        self._descriptor = os.dup(descriptor) if own is None else own
        is_socket = stat.S_ISSOCK(os.fstat(descriptor).st_mode)
        self._socket = socket.socket(fileno=self._descriptor) if is_socket else None
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)

    def write(self, piece: bytes) -> int:
        """Return how many bytes were taken: 0 when there is no room."""
        try:
            if self._socket is not None:
                return self._socket.send(piece, socket.MSG_DONTWAIT)
            if self._is_shared and not self.has_room(within_seconds=0.0):
                return 0
            return os.write(self._descriptor, piece)
        except BlockingIOError:
            return 0

    def has_room(self, within_seconds: float) -> bool:
        """Tell whether there is room, or wait so long for it."""
        return any(events & select.POLLOUT for _, events in self._poll.poll(within_seconds * 1_000))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        else:
            os.close(self._descriptor)


def _opened_again(descriptor: int) -> int | None:
    """Return a pipe or terminal opened anew, so that no write to it waits; None where that is not to be had.

    Not to wait is a property of what all who inherited the descriptor share: set there, it would surprise the
    shell. To ask for room first is no substitute between workers, of which two may be told of the same room.
    """
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
        return None
    with contextlib.suppress(OSError):
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        return os.open(f"/proc/self/fd/{descriptor}", flags)
    return None


class LineHandler(logging.Handler):
    """Keeps lines while there is no room, a thousand at most; drops others, and says later how many."""

    def __init__(
        self,
        drain: Drain,
        waiting_lines: int = _WAITING_LINES,
        at_the_end_seconds: float = _AT_THE_END_SECONDS,
    ) -> None:
        super().__init__()
        self._at_the_end_seconds = at_the_end_seconds
        self._drain = drain
        self._most_waiting = waiting_lines
        self._waiting: deque[bytes] = deque()
        self._dropped = 0
        self._process_id = os.getpid()

    def emit(self, record: logging.LogRecord) -> None:
        self._begin_anew_in_a_child()
        # A full disk may have room again, and whoever has closed a pipe misses nothing: neither is an error.
        with contextlib.suppress(OSError):
            self._write_waiting()
        if len(self._waiting) >= self._most_waiting:
            self._dropped += 1
            return
        try:
            self._say_dropped()
            self._waiting.append(self._line_of(record))
        # A line that cannot be formed must not fail who says it.
        except Exception:
            self.handleError(record)
        with contextlib.suppress(OSError):
            self._write_waiting()

    def flush(self) -> None:
        """Write what waits; wait a second for room, for this is called at the end."""
        with self.lock or contextlib.nullcontext(), contextlib.suppress(OSError):
            self._begin_anew_in_a_child()
            self._say_dropped()
            give_up_at = time.monotonic() + self._at_the_end_seconds
            while not self._write_waiting():
                left_seconds = give_up_at - time.monotonic()
                if left_seconds <= 0 or not self._drain.has_room(left_seconds):
                    return

    def close(self) -> None:
        self._drain.close()
        super().close()

    def _begin_anew_in_a_child(self) -> None:
        """Leave the parent's lines to the parent, which has them, too."""
        if self._process_id != os.getpid():
            self._process_id = os.getpid()
            self._waiting.clear()
            self._dropped = 0

    def _write_waiting(self) -> bool:
        """Write what there is room for and tell whether that was all; the rest of a line goes first later."""
        while self._waiting:
            line = self._waiting[0]
            written = self._drain.write(line[:_PIECE_BYTES])
            if not written:
                return False
            if written == len(line):
                self._waiting.popleft()
            else:
                self._waiting[0] = line[written:]
        return True

    def _say_dropped(self) -> None:
        if not self._dropped:
            return
        said = {
            "name": __name__,
            "levelno": logging.WARNING,
            "levelname": "WARNING",
            "msg": "the log had no room; lines were dropped",
            "event": "lines_dropped",
            "fields": {"lines": self._dropped},
        }
        self._dropped = 0
        self._waiting.append(self._line_of(logging.makeLogRecord(said)))

    def _line_of(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode(errors="backslashreplace")
