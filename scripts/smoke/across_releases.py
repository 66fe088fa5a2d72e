"""A worker of one release with a server of another: whatever a task does, the one understands the other."""

from __future__ import annotations

import re
import socket
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from smoke.environments import SmokeError
from smoke.main_job import expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smoke.environments import Environment

_JOB = Path(__file__).with_name("across_job.py")
_LEASE = "SELECT max(lease_until) FROM tries WHERE status = 'running'"
_LIMIT_SECONDS = 60.0


class Server:
    """`statekeep server` of one environment, on a file of its own; it keeps its port when it is killed."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._store = environment.folder / "served" / "state.db"
        self.credential = ""
        self.start()

    def start(self) -> None:
        self._process = self._environment.started(
            "statekeep",
            "server",
            "--port",
            str(self.port),
            stderr=subprocess.PIPE,
            variables={"STATEKEEP__DATABASE__URL": str(self._store)},
        )
        said = ""
        for line in self._process.stderr or ():
            said += line
            if found := re.search(r"shown this once: (\S+)", line):
                self.credential = found[1]
            if "listening on" in line:
                return
        raise SmokeError(f"the server did not start:\n{said}")

    def until_renewed(self) -> None:
        """Return when the lease of the try that runs has been renewed. Raises `SmokeError` if it never is."""
        with closing(sqlite3.connect(f"file:{self._store}?mode=ro", uri=True)) as store:
            [(before,)] = store.execute(_LEASE).fetchall()
            give_up_at = time.monotonic() + _LIMIT_SECONDS
            while store.execute(_LEASE).fetchall() == [(before,)]:
                if time.monotonic() > give_up_at:
                    raise SmokeError("no heartbeat renewed the lease")
                time.sleep(0.05)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()


@contextmanager
def running_server(environment: Environment) -> Iterator[Server]:
    server = Server(environment)
    try:
        yield server
    finally:
        server.kill()


def work_across(worker: Environment, server_environment: Environment) -> None:
    """Fail, go on through the server's death, succeed, look, and sweep. Raises `SmokeError`."""
    with running_server(server_environment) as server:
        settings = {
            "STATEKEEP__API__URL": f"http://127.0.0.1:{server.port}",
            "STATEKEEP__API__CREDENTIAL": server.credential,
            "STATEKEEP__WORKERS__STATE_BACKEND": "statekeep.backends.ObjectStoreBackend",
            "STATEKEEP__OBJECT_STORE__URL": f"file://{worker.folder}/objects of {server.port}",
            "STATEKEEP__OBJECT_STORE__THRESHOLD_BYTES": "10000",
            "STATEKEEP__WORKERS__LEASE_SECONDS": "1",
        }
        Path(worker.folder, f"objects of {server.port}").mkdir()
        written = worker.output_of(*_task("load", "write"), status=3, variables=settings)
        expect("conflict\n2 7 4\n", written)
        _go_on(worker, server, settings)
        printed = worker.output_of(*_task("report", "look"), variables=settings)
        expect("2026-01-31 1 1\n", printed)
        again = worker.run(*_task("load", "write"), variables=settings)
        if again.returncode != 0 or "succeeded" not in again.stderr:
            raise SmokeError(f"a task that had succeeded was run again:\n{again.stderr}")
        swept = worker.output_of("statekeep", "sweep", "--orphans", "--json", variables=settings)
        if '"objects"' not in swept:
            raise SmokeError(f"the sweep said:\n{swept}")


def _go_on(worker: Environment, server: Server, settings: dict[str, str]) -> None:
    running = worker.started(
        *_task("load", "go_on"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, variables=settings
    )
    if running.stdin is None or running.stdout is None:
        raise AssertionError("it has pipes")
    found = [running.stdout.readline() for _ in range(3)]
    if found[-1] == "kill the server\n":
        server.until_renewed()
        server.kill()
        server.start()
    running.communicate("go on\n", timeout=60)
    keys = "['first', 'high', 'k', 'kept', 'large', 'n']"
    expect(f"4 absent 50000 {keys}\nabsent 1\nkill the server\n", "".join(found))
    if running.returncode != 0:
        raise SmokeError(f"the task that lived through its server's death ended with {running.returncode}")


def _task(name: str, act: str) -> tuple[str, ...]:
    declared = ("--outlet", "table=duckdb://table")
    supervised = ("statekeep", "run", "--dag", "smoke", "--run", "1", "--task", name, *declared)
    return (*supervised, "--", "python", str(_JOB), act)
