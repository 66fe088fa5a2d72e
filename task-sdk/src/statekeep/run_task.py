"""The supervisor's process of ``Task.run``: reads the job from one descriptor, reports its end to another."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from ._shared.settings import SettingsError
from ._shared.state.errors import StatekeepError
from ._shared.state.messages import AssetAddress, Refusal, TaskAddress
from ._shared.state.wire import refusal_of
from .supervisor import exit_status
from .supervisor.configured import python_command, supervise
from .supervisor.job import Job, Outcome
from .supervisor.saying import say


def main() -> int:
    """Supervise the job and return the status that ``statekeep run`` would exit with."""
    job_descriptor, report_descriptor = map(int, sys.argv[1:])
    os.set_inheritable(report_descriptor, False)  # the task has no part in it
    try:
        outcome = supervise(_job(job_descriptor))
    except StatekeepError as error:
        outcome = Outcome(error.code, exit_status.of_refusal(error.code), None, refusal_of(error))
    except SettingsError as error:
        say(str(error))
        facts: dict[str, Any] = {"problem": str(error)}
        outcome = Outcome(error.code, exit_status.CONFIGURATION, None, Refusal(error.code, facts))
    refusal = outcome.refusal and outcome.refusal._asdict()
    with os.fdopen(report_descriptor, "w") as report:
        json.dump(outcome._asdict() | {"refusal": refusal}, report)
    return outcome.exit_status


def _job(descriptor: int) -> Job:
    document = json.loads(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
    fields = document["job"]
    fields["task"] = TaskAddress(*fields["task"])
    fields["command"] = python_command(document["target"], descriptor)
    for side in ("inlets", "outlets"):
        fields[side] = tuple(AssetAddress(*names) for names in fields[side])
    return Job(**fields)


if __name__ == "__main__":
    sys.exit(main())
