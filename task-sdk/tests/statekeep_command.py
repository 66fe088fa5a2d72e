"""The real `statekeep` command, on a store and in a temporary folder of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from server_process import ServerProcess

DAG, RUN, TASK = "etl", "2026-01-01", "load"
THE_TASK = (f"--dag={DAG}", f"--run={RUN}", f"--task={TASK}")
SHOWN = f"{DAG}/{RUN}/{TASK}"

_LIMIT_SECONDS = 60


class Statekeep:
    """Runs the command with the test's store; ``folder`` is where it runs, and ``temporary`` its TMPDIR.

    On a store that several tests share, each has a run of its own.
    """

    def __init__(self, folder: Path, temporary: Path, run_id: str = RUN) -> None:
        self.shown = f"{DAG}/{run_id}/{TASK}"
        self._own_run = () if run_id == RUN else (f"--run={run_id}",)
        self._the_task = (f"--dag={DAG}", f"--run={run_id}", f"--task={TASK}")
        self.folder = folder
        self.store = folder / "store" / "state.db"
        # Where the rows are: that file, or what the server has, a file or a database's url.
        self.database: Path | str = self.store
        self.temporary = temporary
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STATEKEEP")}
        self.environ = inherited | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "STATEKEEP_CONFIG": "",
            "STATEKEEP__DATABASE__URL": str(self.store),
            "TMPDIR": str(self.temporary),
        }

    def use_server(self, server: ServerProcess) -> None:
        """Reach the store through a server from now on, as somebody who may do everything."""
        del self.environ["STATEKEEP__DATABASE__URL"]
        self.environ |= {
            **server.settings(server.operator),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "STATEKEEP__API__PATIENCE_SECONDS": "60",
        }

    def __call__(self, *arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "statekeep", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LIMIT_SECONDS,
            cwd=self.folder,
            env=self.environ | environ,
        )

    def printed(self, *arguments: str, **environ: str) -> str:
        """Run the command to its end, which must be a good one, and return what it printed."""
        done = self(*arguments, **environ)
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
        return done.stdout

    def run(
        self, *command: str, options: tuple[str, ...] = (), stdin: str = "", **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as the task, to its end."""
        return self("run", *self._the_task, *options, "--", *command, stdin=stdin, **environ)

    def shell(
        self, script: str, options: tuple[str, ...] = (), **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell script as the task, to its end."""
        return self.run("sh", "-c", script, options=options, **environ)

    @contextmanager
    def started(self, script: str, options: tuple[str, ...] = (), **environ: str) -> Iterator[Started]:
        """Start a shell script as the task. Whatever is left of it when the block ends is killed."""
        process = subprocess.Popen(
            [sys.executable, "-m", "statekeep", "run", *self._the_task, *options, "--", "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.environ | environ,
        )
        with process:
            try:
                yield Started(process)
            finally:
                process.kill()

    def tries(self) -> list[dict[str, Any]]:
        """Return what `statekeep tries list` says, oldest first."""
        found: list[dict[str, Any]] = json.loads(self.printed("tries", "list", "--json", *self._own_run))
        return found[::-1]

    def statuses(self) -> list[str]:
        """Return the status of each try, oldest first."""
        return [str(row["status"]) for row in self.tries()]

    def left_behind(self) -> list[str]:
        """Return what supervisors have left in the temporary folder and among the locks."""
        folders = (self.temporary, self.locks())
        return [path.name for folder in folders if folder.exists() for path in folder.iterdir()]

    def locks(self) -> Path:
        """Return the folder of the locks."""
        served = list(self.folder.glob("data/statekeep/servers/*"))
        return served[0] if served else self.store.with_name(f"{self.store.name}.locks")


class Started:
    """A running `statekeep run`, and the ends of the task's input and output."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.stdin: IO[str] = process.stdin
        self.stdout: IO[str] = process.stdout
        self.stderr: IO[str] = process.stderr

    def say(self, line: str) -> None:
        """Write a line to the task's input."""
        self.stdin.write(f"{line}\n")
        self.stdin.flush()

    def line(self) -> str:
        """Wait for the next line of the task's output."""
        return self.stdout.readline().rstrip("\n")

    def signal(self, number: int) -> None:
        """Send a signal to the supervisor alone."""
        self.process.send_signal(number)

    def wait_for_end_of_output(self) -> str:
        """Wait until nothing that holds the task's output is alive, and return the rest of it."""
        return self.stdout.read()

    def wait(self) -> int:
        """Wait for the supervisor's end and return its exit status."""
        return self.process.wait(_LIMIT_SECONDS)

    def messages(self) -> list[str]:
        """Wait for the end and return the lines on standard error."""
        return self.stderr.read().splitlines()


def children_of(process_id: int) -> list[int]:
    """Return the processes whose parent is this one."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    return [process for process, parent in pairs if parent == process_id]
