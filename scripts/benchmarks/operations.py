"""What one get or set costs inside a task, through the supervisor: on the embedded store, and over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.durable_postgresql import SETTINGS
from benchmarks.measurement import Measurement
from benchmarks.statekeep_server import COMMAND, running_server
from benchmarks.temporary_store import temporary_store
from tests.postgresql.cluster import running_cluster

if TYPE_CHECKING:
    from collections.abc import Mapping

_TASK = Path(__file__).with_name("timed_task.py")
_ROUNDS = 3
_GOALS_MS = {"set": 0.5, "get": 0.4}


def measure() -> list[Measurement]:
    """Measure each operation in one task, every call by itself, on a value of 100 bytes; in turn by place."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="statekeep-bench-"))
        cluster = stack.enter_context(running_cluster(*SETTINGS))
        database = cluster.url(cluster.make_database())
        places = {
            "": stack.enter_context(temporary_store()),
            ", over HTTP, SQLite": _over_http(stack, f"{folder}/state.db"),
            ", over HTTP, PostgreSQL": _over_http(stack, database),
        }
        figures: dict[str, dict[str, list[float]]] = {place: {} for place in places}
        for _ in range(_ROUNDS):
            for place, environ in places.items():
                for operation, milliseconds in _timed(environ).items():
                    figures[place].setdefault(operation, []).extend(milliseconds)
    return [row for place, of_place in figures.items() for row in _rows(place, of_place)]


def _over_http(stack: ExitStack, database_url: str) -> dict[str, str]:
    server = stack.enter_context(running_server(database_url))
    return {
        **os.environ,
        "STATEKEEP_CONFIG": "",
        "STATEKEEP__API__URL": f"http://127.0.0.1:{server.port}",
        "STATEKEEP__API__CREDENTIAL": server.credential,
    }


def _timed(environ: Mapping[str, str]) -> dict[str, list[float]]:
    names = ("--dag", "bench", "--run", "1", "--task", "operations", "--outlet", "bench", "--rerun")
    with tempfile.NamedTemporaryFile(mode="r") as report:
        command = [COMMAND, "run", *names, "--", sys.executable, str(_TASK), report.name]
        subprocess.run(command, env=dict(environ), check=True)
        figures: dict[str, list[float]] = json.load(report)
        return figures


def _rows(place: str, figures: Mapping[str, list[float]]) -> list[Measurement]:
    rows = []
    for operation, milliseconds in figures.items():
        name = f"one {operation} inside a task, through the supervisor{place}"
        rows.append(Measurement(name, "ms", milliseconds, _GOALS_MS.get(operation)))
        if operation in _GOALS_MS:
            rows.append(Measurement(f"{name}, p99", "ms", milliseconds, goal=1.5, percentile=99))
    return rows
