"""The two ways in which the demo starts the same job, and what others see of its asset meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

from .tries import FailedError, Job

HERE = Path(__file__).parent
STATEKEEP = Path(sys.executable).parent / "statekeep"
JOB = str(HERE / "load_flights.py")
SWITCHED_OFF = str(HERE / "switched_off.py")
TASK = ("--dag", "flights", "--run", "2013", "--task", "load")
RUN = ("run", *TASK, "--outlet", "flights", "--")


def demo_environment(store: Path) -> dict[str, str]:
    """This process's environment, with a store of the demo's own and no settings of the user's."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("STATEKEEP")}
    return own | {"STATEKEEP__DATABASE__URL": str(store), "STATEKEEP_CONFIG": ""}


def supervised_job(landing: Path, database: Path, environ: dict[str, str]) -> Job:
    """The job as a user would start it."""
    task = (sys.executable, JOB, str(landing), str(database))
    return Job((str(STATEKEEP), *RUN, *task), task, environ)


def forgetful_job(landing: Path, database: Path, environ: dict[str, str]) -> Job:
    """The same file with nothing behind its state calls, and so with nothing to supervise it."""
    task = (sys.executable, SWITCHED_OFF, JOB, str(landing), str(database))
    return Job(task, task, environ)


def watermark_seen(environ: dict[str, str]) -> str:
    """The asset's watermark as anybody else sees it now; empty when there is none yet."""
    command = (str(STATEKEEP), "asset", "get", "flights", "day", "--raw", "--default", "")
    asked = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        raise FailedError(f"`statekeep asset get` ended with status {asked.returncode}:\n{asked.stderr}")
    return asked.stdout.strip()


def commands_to_look_with(environ: dict[str, str]) -> str:
    """The commands that show what was kept."""
    task = " ".join(TASK)
    settings = "\n".join(
        f"  export {name}={value}" for name, value in environ.items() if name.startswith("STATEKEEP__")
    )
    return f"""\
{settings}
  {STATEKEEP} tries list {task}
  {STATEKEEP} state list {task}
  {STATEKEEP} asset history flights day"""
