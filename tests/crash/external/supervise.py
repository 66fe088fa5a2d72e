"""A real supervisor with a backend, that is killed at a planned step. Run as a module:

python -m tests.crash.external.supervise PLAN        (PLAN: a JSON list, the fields of `Plan`)
"""

from __future__ import annotations

import json
import sys
from typing import Any, NamedTuple

from statekeep import config
from statekeep._shared.state import messages as m
from statekeep.client.opening import lock_directory
from statekeep.supervisor.job import Job
from statekeep.supervisor.supervisor import Supervisor
from statekeep.supervisor.worker_backends import dispose_of_job, made_backends

from tests.crash.external.job import Work
from tests.crash.external.killing_store import step_with, watch_folder
from tests.crash.external.stores import is_served, open_client, say
from tests.crash.job import OUTLET
from tests.crash.killing_files import watch_connections
from tests.crash.steps import Kill, Killer, noting
from tests.crash.supervise import TASK


class Plan(NamedTuple):
    """One run of the job: what it works, who is killed when, and how far ahead the store's clock is.

    ``steps``: a file for the steps' names.
    """

    ledger: str
    store: str
    work: Work
    kill: Kill | None = None
    ahead_seconds: float = 0.0
    steps: str = ""


def main() -> int:
    """Run the plan and return the status to exit with, if this process is left to."""
    ledger, store, work, kill, ahead_seconds, steps = json.loads(sys.argv[1])
    plan = Plan(ledger, store, Work(*work), kill and Kill(*kill), ahead_seconds, steps)
    environ = config.process_environment()
    settings = config.load(environ)
    backends = made_backends(settings.workers, environ)
    assert backends is not None
    killer = Killer(plan.kill, noting(plan.steps))
    files = watch_connections(killer)
    step_with(killer.step)
    if plan.work.folder:
        watch_folder(plan.work.folder, killer.step)
    job = Job(
        m.TaskAddress(*TASK),
        (sys.executable, "-m", "tests.crash.external.job", plan.ledger, json.dumps(plan.work)),
        outlets=(m.AssetAddress(name=OUTLET),),
        rerun=True,
    )

    def tidy_up(client: Any, started: m.Started) -> None:
        killer.step("tidying_up")
        dispose_of_job(client, job.task, started, backends, say=say)
        killer.step("tidied_up")

    supervisor = Supervisor(
        job,
        settings.workers,
        open_client=lambda: open_client(plan.store, environ, plan.ahead_seconds, killer),
        lock_directory=lock_directory(settings, environ),
        environ=environ,
        say=say,
        on_step=killer.step,
        tidy_up=tidy_up,
        store_sees_locks=not is_served(environ),
    )
    status = supervisor.run().exit_status
    del files
    return status


if __name__ == "__main__":
    sys.exit(main())
