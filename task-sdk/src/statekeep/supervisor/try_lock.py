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

# Of supervisors that were killed one after the other while no server answered; the rest wait for a lease.
_MOST_SECRETS = 16
# No lease is longer than a day.
_OUTDATED_SECONDS = 2 * 86_400
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class TryLock:
    """A held lock. It goes with the last process that has it open, however that dies.

    A server sees no locks. To it, this one is proved by the *secrets* in its file: each supervisor draws one,
    writes it down before it asks for a try, and sends it along. Whoever gets this file's lock later, and
    finds the secrets of supervisors that must be dead then, sends those, too. While a try may run under one
    of them, the file stays.
    """

    def __init__(self, path: Path, descriptor: int, before: Trace | None = None) -> None:
        """``before`` is what whoever had this very file locked, and is gone, has left in it."""
        self.path = path
        self.descriptor = descriptor
        self.previous_holder = None if before is None else before.holder
        found = () if before is None else before.secrets
        # The newest, and the oldest, which runs if no server has answered since.
        self.secrets_of_dead = found[: _MOST_SECRETS - 1] + found[_MOST_SECRETS - 1 :][-1:]
        self._secret: str | None = None
        self._holder = os.getpid()

    @property
    def is_claimed(self) -> bool:
        """Whether a try may run under a secret in the file."""
        return self._secret is not None or bool(self.secrets_of_dead)

    def claim(self, secret: str) -> None:
        """Write down a secret under which a try is about to be asked for, beside those of the dead."""
        if self._secret != secret:
            self._secret = secret
            self.note()

    def disclaim(self) -> None:
        """Take note that no try has begun under this holder's secret."""
        self._secret = None

    def inherit(self) -> None:
        """Take note that no try runs under the secrets of the dead, by what the server said."""
        self.secrets_of_dead = ()

    def note(self, group_id: int = 0, socket_directory: str = "") -> None:
        """Write down who holds the lock, and the task's process group, for whoever finds the file."""
        own = () if self._secret is None else (self._secret,)
        content = Trace(
            self._holder,
            group_id,
            socket_directory,
            _identity(self.descriptor),
            own + self.secrets_of_dead,
        ).encoded()
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

    def leave(self) -> None:
        """Remove the file of a holder that has died, or leave it to the next start, which may need it.

        Then those are removed that have been left for so long that no lease can run any more.
        """
        if not self.is_claimed:
            self.remove_file()
            return
        os.utime(self.descriptor)
        with contextlib.suppress(OSError):  # the next guardian does it
            # A guardian may be the copy of a process with threads: nothing here may need another's lock.
            for other in self.path.parent.iterdir():
                if other.suffix == ".lock":
                    _remove_if_outdated(other)

    def release(self) -> None:
        """Let go, for every process that shares the lock, and remove the file, unless it is needed yet."""
        # In this order: who opened the file before it was removed finds, once locked, that it is gone.
        if not self.is_claimed:
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
    if before is not None and before.file not in ("", _identity(descriptor)):
        before = None  # somebody has copied the file, and the holder of the other may live
    lock = TryLock(path, descriptor, before)
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


def _remove_if_outdated(path: Path) -> None:
    if time.time() - path.stat().st_mtime < _OUTDATED_SECONDS:
        return
    descriptor = os.open(path, _FLAGS)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_file_at(path, descriptor):
            path.unlink()
    except BlockingIOError:
        pass  # of a supervisor that runs for days
    finally:
        os.close(descriptor)


def _identity(descriptor: int) -> str:
    """Return what tells this file from its copies, on other machines too, until the machine restarts."""
    try:
        with open(_BOOT_ID, encoding="ascii") as file:  # noqa: PTH123 -- as short as it gets
            machine = file.read().strip()
    except OSError:  # not Linux
        machine = os.uname().nodename
    return f"{machine} {os.fstat(descriptor).st_ino}"


def _trace(descriptor: int) -> Trace | None:
    return decoded(os.pread(descriptor, 4096, 0))


def _is_alive(trace: Trace | None) -> bool:
    # Nothing written: the holder has had the lock for an instant, or has just let go.
    return trace is not None and is_process_alive(trace.holder)
