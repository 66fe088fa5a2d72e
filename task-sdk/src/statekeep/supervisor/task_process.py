"""The task's process: spawned in a process group of its own, waited for, and ended with its supervisor."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

from . import exit_status
from .blocking_signals import blocked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# What people and their tools send to the supervisor and mean for the task.
FORWARDED = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, prctl(2)


class CannotExecuteError(Exception):
    """The command cannot be executed; nothing of it ran. ``exit_status`` is what a shell would exit with."""

    def __init__(self, command: str, error: OSError | subprocess.SubprocessError) -> None:
        is_missing = isinstance(error, FileNotFoundError)
        self.exit_status = exit_status.NOT_FOUND if is_missing else exit_status.NOT_EXECUTABLE
        # A SubprocessError says that its new process could not be prepared, and not why.
        problem = error.strerror if isinstance(error, OSError) else "its process could not be prepared"
        super().__init__(f"cannot execute {command}: {problem}")


class Ended(NamedTuple):
    """The task's process has ended: its status as a shell has it, and the signal that ended it, if any."""

    exit_status: int
    signal_number: int | None


class Stopped(NamedTuple):
    """The task's process was stopped (Ctrl-Z) and can be continued."""

    signal_number: int


class TaskProcess:
    """A running task. Its process group has the number ``group_id``."""

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], *, before_exec: Callable[[int], None]
    ) -> None:
        """Start the command, with this process's descriptors 0 to 2 and every other inheritable one.

        ``before_exec`` is called in the new process with its group's number, before anything of the command
        runs. Raises :class:`CannotExecuteError`.
        """
        supervisor = os.getpid()
        die_with_supervisor = _parent_death_signal()
        with blocked(FORWARDED) as mask:

            def prepare() -> None:
                die_with_supervisor(supervisor)
                before_exec(os.getpid())
                _take_back_signals(mask)

            try:
                self._process = subprocess.Popen(
                    command, env=environ, close_fds=False, process_group=0, preexec_fn=prepare
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise CannotExecuteError(command[0], error) from error
        self.group_id = self._process.pid

    def poll(self) -> Ended | Stopped | None:
        """Return what has happened to the process since the last look, without waiting."""
        process_id, wait_status = os.waitpid(self.group_id, os.WNOHANG | os.WUNTRACED)
        if process_id == 0:
            return None
        if os.WIFSTOPPED(wait_status):
            return Stopped(os.WSTOPSIG(wait_status))
        self._process.returncode = os.waitstatus_to_exitcode(wait_status)
        signal_number = os.WTERMSIG(wait_status) if os.WIFSIGNALED(wait_status) else None
        return Ended(exit_status.of_wait_status(wait_status), signal_number)


def _take_back_signals(mask: set[signal.Signals]) -> None:
    """Let go of the supervisor's handlers, then let in what was sent meanwhile."""
    for number in (*FORWARDED, signal.SIGCHLD):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _parent_death_signal() -> Callable[[int], None]:
    """Return what the new process calls to be killed when its supervisor dies.

    Elsewhere than on Linux the guardian alone sees to that.
    """
    if sys.platform != "linux":
        return lambda _supervisor: None
    # Looked up before the fork, where nothing must be imported or opened any more.
    prctl = ctypes.CDLL(None).prctl

    def die_with(supervisor: int) -> None:
        prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != supervisor:  # it died before the call
            os.kill(os.getpid(), signal.SIGKILL)

    return die_with
