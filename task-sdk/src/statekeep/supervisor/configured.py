"""A supervisor as the settings of this process have it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .. import config
from ..client.opening import lock_directory, open_client
from ..tracing.configured import tracing_of
from .descriptors import occupy_standard_descriptors
from .saying import say
from .supervisor import Supervisor
from .worker_backends import dispose_of_job, made_backends

if TYPE_CHECKING:
    from .._shared.state import messages as m
    from ..client.store_client import StoreClient
    from .job import Job, Outcome


def supervise(job: Job) -> Outcome:
    """Supervise a job on the configured store, in this process's environment; say on stderr what happens.

    Raises what keeps the store from being opened, ``SettingsError`` included; nothing was started then. Each
    configured backend is made before that.
    """
    occupy_standard_descriptors()
    environ = config.process_environment()
    settings = config.load(environ)
    backends = made_backends(settings.workers, environ)

    tracing = tracing_of(settings.tracing, environ)

    def tidy_up(client: StoreClient, started: m.Started) -> None:
        if backends is not None:
            dispose_of_job(client, job.task, started, backends, say=say)

    supervisor = Supervisor(
        job,
        settings.workers,
        open_client=lambda: open_client(settings, environ, say=say, tracing=tracing),
        lock_directory=lock_directory(settings, environ),
        environ=config.task_environment(environ),
        say=say,
        store_sees_locks=not settings.api.url,
        tidy_up=tidy_up,
        tracing=tracing,
    )
    try:
        return supervisor.run()
    finally:
        tracing.close()


def python_command(target: str, call_descriptor: int | None = None) -> tuple[str, ...]:
    """Return the command that calls a Python function in a fresh interpreter, which shares nothing with us.

    ``call_descriptor`` is a file that says how to call it; see ``run_target``.
    """
    descriptor = () if call_descriptor is None else (str(call_descriptor),)
    return (sys.executable, "-c", "from statekeep.run_target import main; main()", target, *descriptor)
