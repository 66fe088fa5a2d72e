"""The named steps at which a process can be killed, and the killing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import NamedTuple

SUPERVISOR_STEPS = (
    "lock_taken",
    "try_started",
    "guardian_forked",
    "task_spawned",
    "request_received",
    "reply_ready",
    "task_exited",
    "finish_sent",
    "finished",
)
# Of those, the ones at which there is a task to kill.
TASK_STEPS = ("task_spawned", "request_received", "reply_ready")

# Inside the store: before each statement of a transaction, before its COMMIT, and when the group has
# committed and nobody has been told.
STATEMENT_STEPS = ("begin", "statement", "commit", "group_answered")
# Below it, in the database's files: in the middle of a write, after it, after an fsync.
FILE_STEPS = ("file_torn", "file_written", "file_synced")
STORE_STEPS = (*STATEMENT_STEPS, *FILE_STEPS)

VICTIMS = ("task", "supervisor", "both", "all")

# In a plan: whatever step comes. A write that is torn is no step of its own then.
ANY_STEP = "any"
_TORN = "file_torn"


class Kill(NamedTuple):
    """Kill ``victim`` when ``step`` happens for the ``occurrence``-th time since ``after`` first happened.

    ``victim``: "task", "supervisor" (its guardian lives on), "both", or "all", the guardian included.
    ``after``: a step of the supervisor, or nothing for its beginning.
    """

    victim: str
    step: str
    occurrence: int = 1
    after: str = ""

    def __str__(self) -> str:
        after = f" after {self.after}" if self.after else ""
        return f"{self.victim} at {self.step} {self.occurrence}{after}"


class Killer:
    """Takes note of the steps of this process, and kills as planned. Callable from any thread."""

    def __init__(self, plan: Kill | None, on_step: Callable[[str], None] = lambda _step: None) -> None:
        self._plan = plan
        self._on_step = on_step
        self._is_counting = plan is not None and not plan.after
        self._count = 0
        self._lock = Lock()

    def step(self, name: str) -> None:
        """Note that a step has happened; does not return if it is this process's last."""
        self._on_step(name)
        if self.is_last(name):
            self.kill()
        if self._plan is not None and name == self._plan.after:
            self._is_counting = True

    def is_last(self, name: str) -> bool:
        """Note that a step happens, and return whether it is the one to kill at."""
        if self._plan is None or not self._is_counting:
            return False
        if name != self._plan.step and (self._plan.step != ANY_STEP or name == _TORN):
            return False
        with self._lock:
            self._count += 1
            return self._count == self._plan.occurrence

    def kill(self) -> None:
        """SIGKILL the plan's victim."""
        assert self._plan is not None
        kill_victim(self._plan.victim, os.getpid())


def noting(file: str) -> Callable[[str], None]:
    """Return what adds the name of each step to a file; what does nothing when that is ""."""
    if not file:
        return lambda _step: None
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(step: str) -> None:
        os.write(descriptor, f"{step}\n".encode())

    return note


def kill_victim(victim: str, supervisor: int) -> None:
    """SIGKILL a supervisor, its task, or both, or those and the guardian too."""
    # The guardian leads a session of its own; the task stays in the supervisor's.
    children = children_of(supervisor)
    guardians = [child for child in children if session_of(child) == child]
    tasks = [child for child in children if child not in guardians]
    victims = {"task": tasks, "supervisor": [], "both": tasks, "all": [*guardians, *tasks]}[victim]
    _kill_each(victims)
    if victim != "task":
        os.kill(supervisor, signal.SIGKILL)


def children_of(process: int) -> list[int]:
    """Return the direct children of a process; none when it has ended."""
    if sys.platform == "linux":
        found: list[int] = []
        for thread in Path(f"/proc/{process}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # the thread has ended
                found += map(int, thread.read_text().split())
        return found
    command = ["ps", "-A", "-o", "ppid=,pid="]
    listing = subprocess.run(command, capture_output=True, text=True, check=True)
    pairs = (line.split() for line in listing.stdout.splitlines())
    return [int(child) for parent, child in pairs if int(parent) == process]


def session_of(process: int) -> int:
    """Return the session of a process: the guardian leads its own. 0 when the process has ended."""
    try:
        return os.getsid(process)
    except ProcessLookupError:
        return 0


def _kill_each(processes: Iterable[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
