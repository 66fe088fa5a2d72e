"""The guardian: a process that outlives the supervisor by as long as it takes to end what it left behind.

It is forked before the supervisor has any thread, shares the try's lock, and waits on a pipe. When the
supervisor dies, however it dies, the pipe ends: the guardian then kills the task's process group, waits
until the group is empty, removes the socket's folder, and exits, which frees the lock. So whoever gets the
lock next knows that nothing of the old try is alive.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import time
from typing import TYPE_CHECKING, NoReturn

from .blocking_signals import blocked
from .process_group import is_group_alive, signal_group
from .socket_directory import remove_socket_directory

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .try_lock import TryLock

_GROUP = struct.Struct(">q")
_NO_GROUP = 0
_PAUSE_SECONDS = 0.005
# A guardian with nothing to do ends within a millisecond; one whose group hangs in a disk may need for ever.
_DISMISSED_SECONDS = 5.0
_FIRST_LOOK_SECONDS = 0.0005
# A stop that is sent to all processes at once, as service managers do, must leave the guardian to its duty.
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class Guardian:
    """The supervisor's end: tells the guardian which process group it answers for."""

    def __init__(self, lock: TryLock | None, socket_directory: Path) -> None:
        """Fork the guardian. The caller has no other thread yet; ``socket_directory`` need not exist yet."""
        self._lock = lock
        self._socket_directory = socket_directory
        self._group_id = _NO_GROUP
        self._fork()

    def watch(self, group_id: int) -> None:
        """Answer for this process group from now on.

        Called, too, in the task's process before it executes anything, so that there is no moment at which
        the task runs and the guardian does not know of it.
        """
        self._group_id = group_id
        with contextlib.suppress(BrokenPipeError):  # it was killed; see replace_if_killed
            os.write(self._descriptor, _GROUP.pack(group_id))

    def rest(self) -> None:
        """Answer for no group: the last one is empty, and its number may soon be another's."""
        self.watch(_NO_GROUP)

    def replace_if_killed(self) -> None:
        """Fork another guardian when somebody has killed this one.

        The caller may have threads by now; the copy runs only what is in this module, which takes no lock
        that another thread could have held.
        """
        if self._has_ended():
            os.close(self._descriptor)
            self._fork()  # the copy knows the group: the supervisor may be killed before it could name it

    def dismiss(self) -> None:
        """End the guardian, and return when it is gone: within seconds, even when it was stopped.

        It kills the group that it still answers for.
        """
        os.close(self._descriptor)
        if self._has_ended():
            return
        os.kill(self._process_id, signal.SIGCONT)  # somebody may have stopped it
        give_up_at = time.monotonic() + _DISMISSED_SECONDS
        pause_seconds = _FIRST_LOOK_SECONDS
        while not self._has_ended():
            if time.monotonic() > give_up_at:
                self._do_without()
                return
            time.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, _PAUSE_SECONDS)

    def _do_without(self) -> None:
        """Kill a guardian that does not end by itself, and the group in its place."""
        if self._group_id != _NO_GROUP:
            signal_group(self._group_id, signal.SIGKILL)
        os.kill(self._process_id, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._process_id, 0)

    def _has_ended(self) -> bool:
        try:
            return os.waitpid(self._process_id, os.WNOHANG)[0] != 0
        except ChildProcessError:
            return True

    def _fork(self) -> None:
        reading, self._descriptor = os.pipe()
        with blocked(_IGNORED) as mask:
            self._process_id = os.fork()
            if self._process_id == 0:
                try:
                    self._guard(reading, mask)
                finally:  # whatever happens, this copy must never run the supervisor's code
                    os._exit(1)
        os.close(reading)

    def _guard(self, pipe: int, mask: set[signal.Signals]) -> NoReturn:
        lock = self._lock
        _leave_supervisor({pipe} if lock is None else {pipe, lock.descriptor})
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        group_id = _last_group(pipe, self._group_id)
        if group_id != _NO_GROUP:
            _kill(group_id)
        remove_socket_directory(self._socket_directory)
        if lock is not None:
            lock.leave()
        os._exit(0)


def _leave_supervisor(kept: Iterable[int]) -> None:
    signal.set_wakeup_fd(-1)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    first = 0
    for descriptor in sorted(kept):
        os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def _last_group(pipe: int, group_id: int) -> int:
    """Return the group that was named last, once the pipe has ended: ``group_id`` when none was."""
    received = b""
    while data := os.read(pipe, 4096):
        received += data
        while len(received) >= _GROUP.size:
            (group_id,) = _GROUP.unpack_from(received)
            received = received[_GROUP.size :]
    return group_id


def _kill(group_id: int) -> None:
    while is_group_alive(group_id):
        signal_group(group_id, signal.SIGKILL)
        time.sleep(_PAUSE_SECONDS)
