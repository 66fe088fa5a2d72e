"""Start the job as a real process, kill it at its moment, and start it again until it succeeds."""

import re
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .kills import Kill, Target
from .processes import find_process, kill

A_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Job(NamedTuple):
    """How the job is started: the whole command, and the part of it that is the task's own process."""

    command: Sequence[str]
    task: Sequence[str]
    environ: dict[str, str]

    @property
    def supervised(self) -> bool:
        """Whether the task has a supervisor to be killed."""
        return tuple(self.command) != tuple(self.task)


class Try(NamedTuple):
    """What became of one start of the job: the days that it began, and what killed it, if anything."""

    days: tuple[str, ...]
    killed: Target | None


class FailedError(Exception):
    """The job ended by itself and without success, which the demo never expects. Holds what it said."""


def run_until_done(
    job: Job, kills: Sequence[Kill], on_day: Callable[[str], None], on_end: Callable[[Try], None]
) -> list[Try]:
    """Run the job, killing one try after the other, until a try succeeds."""
    tries = []
    for planned in [*kills, None]:
        ended = run_try(job, planned, on_day)
        tries.append(ended)
        on_end(ended)
        if ended.killed is None:
            break
    return tries


def run_try(job: Job, planned: Kill | None, on_day: Callable[[str], None]) -> Try:
    """One start of the job, up to its end."""
    days: list[str] = []
    said: list[str] = []
    killed: Target | None = None
    with subprocess.Popen(
        job.command, env=job.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            if not A_DAY.fullmatch(day := line.strip()):
                said.append(line)
                continue
            days.append(day)
            on_day(day)
            if planned and len(days) == planned.after_days:
                time.sleep(planned.delay_seconds)
                killed = kill_target(job, process.pid, planned.target)
    if process.returncode == 0:  # the signal came too late
        killed = None
    elif killed is None:
        raise FailedError(f"the job ended with status {process.returncode}:\n{''.join(said)}")
    return Try(tuple(days), killed)


def kill_target(job: Job, pid: int, target: Target) -> Target | None:
    """Kill what is meant, the task where there is no supervisor; None when it had ended by then."""
    if not job.supervised:
        return "task" if kill(pid) else None
    pids = [pid] if target in ("supervisor", "both") else []
    if target in ("task", "both") and (task := find_process(job.task[1:])):
        pids.append(task)
    reached = [kill(pid) for pid in pids]
    return target if reached and all(reached) else None
