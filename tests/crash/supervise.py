"""A real supervisor that is killed at a planned step. Run as a module:

python -m tests.crash.supervise PLAN        (PLAN: a JSON list, the fields of `Plan`)
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

from statekeep import config
from statekeep._shared.state.messages import AssetAddress, TaskAddress
from statekeep.client.embedded import EmbeddedClient
from statekeep.client.opening import lock_directory
from statekeep.supervisor.job import Job
from statekeep.supervisor.supervisor import Supervisor
from statekeep_core.embedded import open_configured

from tests.crash.job import OUTLET, Work, child_lock
from tests.crash.killing_files import AnsweringStore, watch_connections
from tests.crash.ledger import Ledger, LockTaken
from tests.crash.steps import Kill, Killer

TASK = ("crash", "2026", "job")


class Plan(NamedTuple):
    """One run of the job: what it works, and who is killed when. ``steps``: a file for the steps' names."""

    ledger: str
    work: Work = Work()
    kill: Kill | None = None
    steps: str = ""
    rerun: bool = True


def main() -> int:
    """Run the plan and return the status to exit with, if this process is left to."""
    ledger, work, kill, steps, rerun = json.loads(sys.argv[1])
    plan = Plan(ledger, Work(*work), kill and Kill(*kill), steps, rerun)
    environ = config.process_environment()
    settings = config.load(environ)
    killer = Killer(plan.kill, _Recorder(plan))
    files = watch_connections(killer)
    supervisor = Supervisor(
        Job(
            TaskAddress(*TASK),
            (sys.executable, "-m", "tests.crash.job", plan.ledger, json.dumps(plan.work)),
            outlets=(AssetAddress(name=OUTLET),),
            rerun=plan.rerun,
        ),
        settings.workers,
        open_client=lambda: EmbeddedClient(AnsweringStore(open_configured(environ), killer)),
        lock_directory=lock_directory(settings, environ),
        environ=environ,
        say=_say,
        on_step=killer.step,
    )
    status = supervisor.run().exit_status
    del files
    return status


def _say(message: str) -> None:
    sys.stderr.write(f"statekeep: {message}\n")


class _Recorder:
    """Notes the steps, and at the first of them whether anything of an earlier try is still there."""

    def __init__(self, plan: Plan) -> None:
        self._ledger = Ledger(Path(plan.ledger))
        self._child_lock = child_lock(self._ledger)
        self._steps = os.open(plan.steps, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if plan.steps else -1

    def __call__(self, step: str) -> None:
        if self._steps != -1:
            os.write(self._steps, f"{step}\n".encode())
        if step == "lock_taken":
            self._ledger.append(LockTaken(_is_locked(self._child_lock)))


def _is_locked(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
