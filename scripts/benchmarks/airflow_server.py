"""Apache Airflow's execution API, set up and started beside Statekeep's server, on a database of its own."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.free_port import free_port
from benchmarks.served import KEYS_PER_TASK, TEXT, Served
from benchmarks.wrk_load import Asked

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEED = Path(__file__).with_name("airflow_seed.py")
_DAG = Path(__file__).with_name("airflow_dag.py")
_START_SECONDS = 180


@contextlib.contextmanager
def served_airflow(name: str, python: str, folder: Path, database_url: str) -> Iterator[Served]:
    """Run a server with one worker process, as it is shipped; its tables are made in the database."""
    environ = _environ(folder, database_url)
    _run(python, environ, "-m", "airflow", "db", "migrate")
    _run(python, environ, "-m", "airflow", "dags", "reserialize")
    tasks = [
        line.split()[1:] for line in _run(python, environ, str(_SEED)).splitlines() if "INSTANCE" in line
    ]
    port = free_port()
    command = [python, "-m", "airflow", "api-server", "--apps", "execution", "--workers", "1"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            env=environ,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait_for(server, port, folder / "log")
            yield Served(name, port, server.pid, {"set": _sets(tasks), "get": _gets(tasks)})
        finally:
            # Its own processes only: they are a session of their own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(timeout=30)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)


def _environ(folder: Path, database_url: str) -> dict[str, str]:
    """Return its defaults, but for where things are and what a server that is not a laptop's turns off."""
    (folder / "dags").mkdir(parents=True)
    shutil.copy(_DAG, folder / "dags")
    own = {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
    }
    return {**os.environ, **own}


def _run(python: str, environ: dict[str, str], *arguments: str) -> str:
    ran = subprocess.run([python, *arguments], env=environ, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(
            f"Airflow's {' '.join(arguments)} failed:\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}"
        )
    return ran.stdout


def _wait_for(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    give_up_at = time.monotonic() + _START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/execution/health", timeout=2).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > give_up_at:
                raise SystemExit(f"Airflow's server did not start:\n{log.read_text()[-2000:]}") from None
            time.sleep(0.2)
        else:
            return


def _sets(tasks: list[list[str]]) -> list[Asked]:
    body = json.dumps({"value": TEXT})
    return [
        Asked("PUT", f"/execution/store/ti/{task_id}/k{number}", token, body)
        for number in range(KEYS_PER_TASK)
        for task_id, token in tasks
    ]


def _gets(tasks: list[list[str]]) -> list[Asked]:
    return [Asked("GET", asked.path, asked.token) for asked in _sets(tasks)]
