"""The terminal of an interactive task: lent to its process group while it runs, and taken back."""

from __future__ import annotations

import contextlib
import os
import signal

from .blocking_signals import blocked
from .process_group import is_group_alive, signal_group

STDIN = 0
# With these the kernel stops a process for the terminal's sake; SIGSTOP is somebody's deliberate act.
_BY_TERMINAL = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)


class Terminal:
    """What this process may do with the terminal on its standard input.

    A process group that is not the terminal's foreground group is stopped when it reads from it. So while a
    task runs, its group is in the foreground, and Ctrl-C goes to the task and not to the supervisor.
    All of this is without effect where there is no terminal, or while the shell keeps it (``&``).
    """

    def __init__(self) -> None:
        self._own_group_id = os.getpgrp()
        self._stopped_group_id: int | None = None

    def lend(self, group_id: int) -> None:
        """Bring the task's group to the foreground. Called by the task, too, before it executes anything."""
        if _foreground_group() == self._own_group_id:
            _bring_to_foreground(group_id)

    def take_back(self) -> None:
        """Bring the supervisor's group to the foreground again, after the task's group has ended."""
        foreground = _foreground_group()
        if foreground not in (None, self._own_group_id) and not is_group_alive(foreground):
            _bring_to_foreground(self._own_group_id)

    def follow_stop(self, group_id: int, signal_number: int) -> None:
        """Stop with a task that was stopped at the terminal (Ctrl-Z), and go on when the shell says so.

        So the shell sees the whole job stopped, and ``fg`` and ``bg`` work. Meanwhile the lease is not
        renewed. A task that was stopped in another way is left alone.
        """
        foreground = _foreground_group()
        if signal_number not in _BY_TERMINAL or foreground is None:
            return
        self._stopped_group_id = group_id
        if foreground != self._own_group_id:  # else `fg` brought this group alone; the task follows
            if foreground == group_id:
                _bring_to_foreground(self._own_group_id)
            os.killpg(self._own_group_id, signal.SIGTSTP)
        self.follow_continue(in_background=signal_number == signal.SIGTSTP)

    def follow_continue(self, *, in_background: bool = False) -> None:
        """Continue a task that was stopped, if it can have the terminal now, or needs none."""
        if self._stopped_group_id is None:
            return
        self.lend(self._stopped_group_id)
        if in_background or _foreground_group() == self._stopped_group_id:
            group_id, self._stopped_group_id = self._stopped_group_id, None
            signal_group(group_id, signal.SIGCONT)


def _foreground_group() -> int | None:
    try:
        return os.tcgetpgrp(STDIN)
    except OSError:
        return None


def _bring_to_foreground(group_id: int) -> None:
    # Who is not in the foreground is stopped by SIGTTOU for asking, unless the signal is held back.
    with blocked([signal.SIGTTOU]), contextlib.suppress(OSError):
        os.tcsetpgrp(STDIN, group_id)
