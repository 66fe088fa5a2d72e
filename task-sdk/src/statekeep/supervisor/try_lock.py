"""The operating-system lock of a task instance, and what it proves of the try before."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from typing import TYPE_CHECKING

from .._shared.state.errors import StoreUnusableError, UnavailableError
from .leftovers import Trace, decoded, end_leftovers
from .process_group import is_process_alive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# A guardian that clears up after a dead supervisor needs milliseconds; longer if a disk hangs.
_GUARDIAN_PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 0.01

# In a folder of somebody else's, root must not be led to another file.
_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
# What another disk or folder would not change, and time may.
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOMEM)


class TryLock:
    """A held lock. It goes with the last process that has it open, however that dies."""

    def __init__(self, path: Path, descriptor: int, previous_holder: int | None = None) -> None:
        """``previous_holder`` is the process that had this very file locked before, and is gone."""
        self.path = path
        self.descriptor = descriptor
        self.previous_holder = previous_holder
        self._holder = os.getpid()

    def note(self, group_id: int = 0, socket_directory: str = "") -> None:
        """Write down who holds the lock, and the task's process group, for whoever finds the file."""
        content = Trace(self._holder, group_id, socket_directory).encoded()
        # Written before it is cut: so the file keeps its block, and a disk that fills up later is no matter.
        os.pwrite(self.descriptor, content, 0)
        os.ftruncate(self.descriptor, len(content))

    def tells_gone(self, supervisor: str) -> bool:
        """Return whether this lock proves that a supervisor, and its task, are no more.

        ``supervisor`` is who has the running try, as the store names it: ``host:process``. To hold the lock
        is not enough. Somebody may have removed the lock's folder by hand; then this is a new file, and the
        holder of the old one runs its task still. So one of these must be true, too:

        - The file was there and named that supervisor. Its lock went with its last process, the guardian.
        - That supervisor ran on this machine and is not alive. Its guardian removed the file when it had
          ended everything; had it not, its file would be found, and locked. (Were the folder removed, and
          then the supervisor killed, and then this one started, all within the milliseconds that a guardian
          needs, the last of the old task could overlap with the new. The store refuses its writes.)

        Where neither can be said, the lease decides. A process that ended and that nobody waited for is not
        alive; one that got the number of the dead one later costs a lease's time and no more.
        """
        host, _, process = supervisor.rpartition(":")
        if not self.is_found() or not process.isdecimal():
            return False
        if int(process) == self.previous_holder:
            return True
        is_here = host == os.uname().nodename
        return is_here and (int(process) == self._holder or not is_process_alive(int(process)))

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
    that. Raises :class:`StoreUnusableError` when the folder cannot be written, and
    :class:`UnavailableError` when the disk is full.
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
    lock = TryLock(path, descriptor, before and before.holder)
    try:
        if before is not None:
            end_leftovers(before)
        lock.note()
    except OSError as error:
        if before is None:
            lock.release()
        else:
            os.close(descriptor)  # what the file says is still of use
        raise UnavailableError(what=f"the lock {path}", problem=str(error.strerror)) from error
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
    try:
        while True:
            with contextlib.suppress(FileNotFoundError):
                return os.open(path, _FLAGS)
            _make_folders(path)
            # Lost to another process that makes it, or to one that removes the folder: once more.
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
                _give_to_owner_of(path.parent.parent, descriptor)
                return descriptor
    except OSError as error:
        if error.errno in _PASSING:
            raise UnavailableError(what=f"the lock {path}", problem=str(error.strerror)) from error
        raise StoreUnusableError(
            what=f"the lock {path}",
            problem=str(error.strerror),
            remedy="make its folder writable for this user, or point [database] url to another place",
        ) from error


def _make_folders(path: Path) -> None:
    # One by one: `parents` gives the mode to the last only, and the store's folder is private.
    path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        path.parent.mkdir(mode=0o700)
    except FileExistsError:
        if not path.parent.is_dir():
            raise
        return
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _give_to_owner_of(path.parent.parent, descriptor)
    finally:
        os.close(descriptor)


def _give_to_owner_of(folder: Path, descriptor: int) -> None:
    """Let the store's owner use what root has just made beside the store."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _is_file_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _trace(descriptor: int) -> Trace | None:
    return decoded(os.pread(descriptor, 4096, 0))


def _is_alive(trace: Trace | None) -> bool:
    # Nothing written: the holder has had the lock for an instant, or has just let go.
    return trace is not None and is_process_alive(trace.holder)
