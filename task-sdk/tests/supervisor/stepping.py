"""A supervisor that ends when it has done a step: `python stepping.py kill|fail STEP COMMAND...`."""

from __future__ import annotations

import os
import signal
import sys

from statekeep import config
from statekeep._shared.state.messages import TaskAddress
from statekeep.client.opening import lock_directory, open_client
from statekeep.supervisor.job import Job
from statekeep.supervisor.saying import say
from statekeep.supervisor.supervisor import Supervisor


def main() -> int:
    how, deadly_step, *command = sys.argv[1:]
    environ = config.process_environment()
    settings = config.load(environ)

    def on_step(step: str) -> None:
        say(step)
        if step == deadly_step and how == "fail":
            raise LookupError("a fault")
        if step == deadly_step:
            os.kill(os.getpid(), signal.SIGKILL)

    supervisor = Supervisor(
        Job(TaskAddress("etl", "2026-01-01", "load"), tuple(command)),
        settings.workers,
        open_client=lambda: open_client(settings, environ),
        lock_directory=lock_directory(settings, environ),
        environ=environ,
        say=say,
        on_step=on_step,
        store_sees_locks=not settings.api.url,
    )
    return supervisor.run().exit_status


if __name__ == "__main__":
    sys.exit(main())
