"""What one server on SQLite answers: sets and gets of 100 bytes, over 64 connections and over one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.measurement import Measurement
from benchmarks.temporary_store import temporary_store

_LOAD = Path(__file__).with_name("http_load.py")
_COMMAND = str(Path(sys.executable).with_name("statekeep"))
_SECONDS = 4.0
_ROUNDS = 3
_VALUE = json.dumps("x" * 98)
_BODIES = {"set": f'{{"key":"k%d","value":{_VALUE}}}', "get": '{"key":"k%d"}'}
_TASK = {"kind": "TaskAddress", "dag_id": "bench", "run_id": "1", "task_id": "load"}


def measure() -> list[Measurement]:
    """Load a server with each kind of request in turn, several times over."""
    figures: dict[tuple[str, int], list[dict[str, float]]] = {}
    with temporary_store() as environ:
        server = subprocess.Popen(
            [_COMMAND, "server", "--port", "0"], env=environ, stderr=subprocess.PIPE, text=True
        )
        try:
            credential, port = _started(server)
            token = _ask(port, "/execution/v1/start", credential, {"task": _TASK})["token"]
            for _ in range(_ROUNDS):
                for connections in (64, 1):
                    for operation in _BODIES:
                        figure = _loaded(server, port, token, operation, connections)
                        figures.setdefault((operation, connections), []).append(figure)
        finally:
            server.terminate()
            server.communicate()
    return [
        row
        for (operation, connections), each in figures.items()
        for row in _rows(operation, connections, each)
    ]


def _rows(operation: str, connections: int, figures: list[dict[str, float]]) -> list[Measurement]:
    name = f"{operation}, 100 B, {connections} connection{'s'[: connections - 1]}, SQLite"
    goal_ms = {"set": 0.12, "get": 0.08}[operation]
    return [
        Measurement(name, "req/s", [figure["per_second"] for figure in figures]),
        Measurement(f"{name}: p50", "ms", [figure["p50_ms"] for figure in figures]),
        Measurement(f"{name}: p99", "ms", [figure["p99_ms"] for figure in figures]),
        Measurement(f"{name}: server CPU", "ms", [figure["cpu_ms"] for figure in figures], goal=goal_ms),
    ]


def _loaded(
    server: subprocess.Popen[str], port: int, token: str, operation: str, connections: int
) -> dict[str, float]:
    before = _cpu_seconds(server.pid)
    loaded = subprocess.run(
        [
            sys.executable,
            str(_LOAD),
            str(port),
            f"/execution/v1/{operation}",
            str(connections),
            str(_SECONDS),
        ],
        input=f"{token}\n{_BODIES[operation]}\n",
        check=True,
        capture_output=True,
        text=True,
    )
    figure: dict[str, float] = json.loads(loaded.stdout)
    if figure["failures"]:
        raise RuntimeError(f"{figure['failures']:,.0f} requests were refused")
    cpu_seconds = _cpu_seconds(server.pid) - before
    figure["cpu_ms"] = cpu_seconds * 1000 / (figure["per_second"] * _SECONDS)
    return figure


def _cpu_seconds(process_id: int) -> float:
    """Return the processor time that a process has taken (Linux only)."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _started(server: subprocess.Popen[str]) -> tuple[str, int]:
    assert server.stderr is not None  # noqa: S101 -- it was asked for
    credential = ""
    for line in server.stderr:
        if "shown this once: " in line:
            credential = line.split()[-1]
        if "listening on" in line:
            return credential, int(line.rpartition(":")[2])
    raise RuntimeError("the server did not start")


def _ask(port: int, path: str, proof: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {proof}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310 -- as above
        return json.load(response)
