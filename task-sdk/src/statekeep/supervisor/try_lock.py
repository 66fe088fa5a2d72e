"""The operating-system lock of a task instance: whoever holds it knows that no earlier try is alive here."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING

from .._shared.state.errors import StoreUnusableError
from .leftovers import Trace, decoded, end_leftovers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# A guardian that clears up after a dead supervisor needs milliseconds; longer if a disk hangs.
_GUARDIAN_PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 0.01


class TryLock:
    """A held lock. It goes with the last process that has it open, however that dies."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self._holder = os.getpid()

    def note(self, group_id: int = 0, socket_directory: str = "") -> None:
        """Write down who holds the lock, and the task's process group, for whoever finds the file."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, Trace(self._holder, group_id, socket_directory).encoded(), 0)

    def is_found(self) -> bool:
        """Return whether others still find this lock, or another process has put its own in its place."""
        return _is_file_at(self.path, self.descriptor)

    def remove_file(self) -> None:
        """Remove the lock's file, so that none stays for each task that ever ran. The lock stays held.

        No effect when the file is another's by now, because this lock was released before.
        """
        with contextlib.suppress(OSError):
            if self.is_found():
                self.path.unlink()

    def release(self) -> None:
        """Remove the file and let go, for every process that shares the lock."""
        # In this order: who opened the file before it was removed finds, once locked, that it is gone.
        self.remove_file()
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        os.close(self.descriptor)


def take_lock(path: Path, *, pause: Callable[[float], None] = time.sleep) -> TryLock | None:
    """Take the lock, or return None while a living process holds it. What is left of an old try is dead then.

    When the holder is dead, its guardian is ending what it left behind, and this waits a few seconds for
    that. Raises :class:`StoreUnusableError` when the folder cannot be written.
    """
    give_up_at = time.monotonic() + _GUARDIAN_PATIENCE_SECONDS
    while True:
        descriptor = _open(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            trace = _trace(descriptor)
            os.close(descriptor)
            if _is_alive(trace) or time.monotonic() > give_up_at:
                return None
            pause(_PAUSE_SECONDS)
        else:
            if _is_file_at(path, descriptor):
                return _taken(path, descriptor)
            os.close(descriptor)


def _taken(path: Path, descriptor: int) -> TryLock:
    before = _trace(descriptor)
    if before is not None:
        end_leftovers(before)
    lock = TryLock(path, descriptor)
    lock.note()
    return lock


def replace_lock(path: Path) -> TryLock | None:
    """Take the place of a holder that lives and has lost its try: a suspended one.

    For a process that the store has let take over. Its try would be unprotected as soon as the old holder
    goes on and lets go; so that one keeps its lock on a file that nobody finds any more. None when another
    process is quicker.
    """
    with contextlib.suppress(OSError):
        path.unlink()
    return take_lock(path)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:
            # One by one: `parents` gives the mode to the last only, and the store's folder is private.
            path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            return os.open(path, flags, 0o600)
    except OSError as error:
        raise StoreUnusableError(
            what=f"the lock {path}",
            problem=str(error.strerror),
            remedy="make its folder writable for this user, or point [database] url to another place",
        ) from error


def _is_file_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _trace(descriptor: int) -> Trace | None:
    return decoded(os.pread(descriptor, 4096, 0))


def _is_alive(trace: Trace | None) -> bool:
    # Nothing written: the holder has had the lock for an instant, or has just let go.
    if trace is None:
        return False
    try:
        os.kill(trace.holder, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
