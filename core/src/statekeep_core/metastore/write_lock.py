"""The one lock under which every process writes to an embedded store, fair between processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING

from statekeep_core._shared.state.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FIRST_PAUSE_SECONDS = 0.0002
_LONGEST_PAUSE_SECONDS = 0.005


class WriteLock:
    """An operating-system lock on two side files of the store; it goes with its holder, however that dies.

    A process that releases one lock and takes it again at once would starve the others, because the kernel
    wakes a waiter only after the fact. So there are two: whoever wants ``.lock`` holds ``.turn`` while it
    waits, and a busy process meets the waiter there.

    Not re-entrant. Taken by one thread at a time; the store above sees to that.
    """

    def __init__(self, database_path: Path, *, patience_seconds: float = 10.0) -> None:
        """Open the side files, made when they are absent; raises :class:`OSError` when they cannot be."""
        self._path = database_path
        self._patience_seconds = patience_seconds
        self._turn = _open(database_path.with_name(database_path.name + ".turn"))
        try:
            self._lock = _open(database_path.with_name(database_path.name + ".lock"))
        except OSError:
            os.close(self._turn)
            raise

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for the block.

        Raises :class:`UnavailableError` when other processes have not let go of it after
        ``patience_seconds``: one of them is stopped, or its disk hangs. Nothing is held then.
        """
        give_up_at = time.monotonic() + self._patience_seconds
        # One block around everything: an interrupt may fall between any two lines, and letting go of a lock
        # that is not held does nothing.
        try:
            self._take(self._turn, give_up_at)
            self._take(self._lock, give_up_at)
            fcntl.flock(self._turn, fcntl.LOCK_UN)
            yield
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the side files. They stay: removing one that another process holds would split the lock."""
        os.close(self._lock)
        os.close(self._turn)

    def _take(self, descriptor: int, give_up_at: float) -> None:
        # A blocking flock cannot be bounded in time, and a stopped holder must not hang every heartbeat.
        pause_seconds = _FIRST_PAUSE_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > give_up_at:
                    raise UnavailableError(
                        what=f"the store {self._path}",
                        problem=f"another process has held its lock for {self._patience_seconds:g} s",
                    ) from None
                time.sleep(pause_seconds)
                pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
            else:
                return


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
