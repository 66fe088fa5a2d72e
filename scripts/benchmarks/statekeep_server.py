"""`statekeep server` as the benchmarks run it, and tries whose tokens load it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.served import KEYS_PER_TASK, TASKS, TEXT, Served
from benchmarks.wrk_load import Asked

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = str(Path(sys.executable).with_name("statekeep"))


class Running(NamedTuple):
    """A server that has just been started for the first time, with the credential that it made."""

    port: int
    process_id: int
    credential: str


@contextlib.contextmanager
def running_server(database_url: str, *arguments: str) -> Iterator[Running]:
    """Run a server on an empty store, as it is shipped."""
    environ = {**os.environ, "STATEKEEP_CONFIG": "", "STATEKEEP__DATABASE__URL": database_url}
    command = [COMMAND, "server", "--port", "0", *arguments]
    server = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
    try:
        credential, port = _announced(server)
        yield Running(port, server.pid, credential)
    finally:
        server.terminate()
        server.communicate()


@contextlib.contextmanager
def served_statekeep(name: str, database_url: str, *arguments: str) -> Iterator[Served]:
    """Run a server with as many running tries as there are connections."""
    with running_server(database_url, *arguments) as server:
        tokens = [_started(server, number) for number in range(TASKS)]
        yield Served(name, server.port, server.process_id, {"set": _sets(tokens), "get": _gets(tokens)})


def _sets(tokens: list[str]) -> list[Asked]:
    return _each(tokens, "set", {"value": TEXT})


def _gets(tokens: list[str]) -> list[Asked]:
    return _each(tokens, "get", {})


def _each(tokens: list[str], operation: str, fields: dict[str, str]) -> list[Asked]:
    path = f"/execution/v1/{operation}"
    return [
        Asked("POST", path, token, json.dumps({"key": f"k{number}", **fields}))
        for number in range(KEYS_PER_TASK)
        for token in tokens
    ]


def _announced(server: subprocess.Popen[str]) -> tuple[str, int]:
    if server.stderr is None:
        raise AssertionError("it was asked for")
    credential, said = "", ""
    for line in server.stderr:
        said += line
        if "shown this once: " in line:
            credential = line.split()[-1]
        if "listening on" in line:
            return credential, int(re.findall(r":(\d+)", line.partition("listening on")[2])[0])
    raise SystemExit(f"the server did not start:\n{said}")


def _started(server: Running, number: int) -> str:
    task = {"kind": "TaskAddress", "dag_id": "bench", "run_id": "1", "task_id": f"t{number}"}
    # Longer than any run of the benchmark: nobody sends heartbeats.
    body = {"task": task, "lease_seconds": 86_400.0}
    token: str = _ask(server.port, "/execution/v1/start", server.credential, body)["token"]
    return token


def _ask(port: int, path: str, proof: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {proof}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310 -- as above
        return json.load(response)
