"""A place of its own for a supervised job: its store, its temporary folder, its ledger, its processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from demo.processes import running_processes
from tests.crash.job import OUTLET, Work
from tests.crash.ledger import Ledger, Snapshot
from tests.crash.observer import take_snapshot
from tests.crash.steps import Kill, kill_victim
from tests.crash.supervise import TASK, Plan

AnyRecord = TypeVar("AnyRecord")

ROOT = Path(__file__).parents[2]
# Far more than anything here takes; whoever waits longer has found a fault.
PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.005


class Workplace:
    """Runs jobs on a store of its own. ``path`` is short, for the sockets, and in each one's arguments."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store_path = path / "store" / "state.db"
        self.locks = self.store_path.with_name(f"{self.store_path.name}.locks")
        self.temporary = path / "tmp"
        self.temporary.mkdir()
        self._runs: list[subprocess.Popen[bytes]] = []
        self.ledger = Ledger(path / "ledger")
        self.environ = {
            **{name: text for name, text in os.environ.items() if not name.startswith("STATEKEEP")},
            "STATEKEEP_CONFIG": "",
            "STATEKEEP__DATABASE__URL": f"sqlite:///{self.store_path}",
            "STATEKEEP__WORKERS__STOP_GRACE_SECONDS": "1",
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        }

    def close(self) -> None:
        """End what a failed test has left running."""
        for run in self._runs:
            run.kill()
            run.wait()
        self.ledger.close()

    def run(self, work: Work | None = None, kill: Kill | None = None, *, steps: str = "") -> int:
        """Supervise the job once and return the supervisor's status, negative when a signal ended it."""
        plan = Plan(str(self.ledger.path), work or Work(), kill, steps)
        return self.start("-m", "tests.crash.supervise", json.dumps(plan)).wait(PATIENCE_SECONDS)

    def run_for(self, seconds: float, work: Work, victim: str) -> int:
        """Supervise the job and kill the victim after so many seconds, if it has not ended by then."""
        plan = Plan(str(self.ledger.path), work)
        process = self.start("-m", "tests.crash.supervise", json.dumps(plan))
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            kill_victim(victim, process.pid)
            return process.wait(PATIENCE_SECONDS)

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[bytes]:
        """Start a Python process in this place; what it says is added to the file that ``said`` reads."""
        # No pipe: one that a task's child has inherited would be waited for.
        with (self.path / "said").open("a") as said:
            run = subprocess.Popen(
                [sys.executable, *arguments],
                env={**self.environ, **environ},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        self._runs.append(run)
        return run

    def start_run(
        self, command: Sequence[str], *options: str, task: Sequence[str] = TASK, **environ: str
    ) -> subprocess.Popen[bytes]:
        """Start `statekeep run` as a user would, with the job's outlet declared."""
        dag, run, name = task
        names = ("--dag", dag, "--run", run, "--task", name, "--outlet", OUTLET)
        return self.start("-m", "statekeep", "run", *names, *options, "--", *command, **environ)

    def job(self, work: Work | None = None) -> tuple[str, ...]:
        """Return the job as a command."""
        plan = json.dumps(work or Work())
        return (sys.executable, "-m", "tests.crash.job", str(self.ledger.path), plan)

    def make_gate(self, name: str = "gate") -> Path:
        """Make a gate for a job. Opening it for writing waits until the job is there, and lets it go on."""
        gate = self.path / name
        os.mkfifo(gate)
        return gate

    def records(self, kind: type[AnyRecord]) -> list[AnyRecord]:
        """Return the records of one kind that are in the ledger so far."""
        return [record for record in self.ledger.read() if isinstance(record, kind)]

    def said(self) -> str:
        """Return everything that the processes of this place have said so far."""
        return (self.path / "said").read_text()

    def snapshot(self) -> Snapshot:
        """Return what an operator sees, and add it to the ledger. No supervisor may be at work."""
        snapshot = take_snapshot(self.store_path)
        self.ledger.append(snapshot)
        return snapshot

    def processes(self) -> list[int]:
        """Return the processes that were started here and are alive."""
        return [pid for pid, arguments in running_processes() if str(self.path) in arguments]

    def left_behind(self) -> list[str]:
        """Return what is left of the runs here beside the store, once every process has had time to end."""
        wait_until(lambda: not self.processes())
        left = [*self.temporary.iterdir(), *(self.locks.iterdir() if self.locks.exists() else ())]
        return [str(path.relative_to(self.path)) for path in left]


def wait_until(is_so: Any) -> None:
    """Return as soon as ``is_so()``; fail when that takes too long."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < give_up_at, f"still not so after {PATIENCE_SECONDS:g} s"
        time.sleep(_LOOK_SECONDS)
