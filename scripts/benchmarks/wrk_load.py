"""Loads a server from another process: wrk where it is installed, else a client in Python."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCRIPT = Path(__file__).with_name("wrk_load.lua")
_IN_PYTHON = Path(__file__).with_name("http_load.py")
_MARK = "FIGURES "


class Asked(NamedTuple):
    """A request as it is sent. ``token`` proves who asks; ``body`` is JSON, or empty."""

    method: str
    path: str
    token: str
    body: str = ""


class Load(NamedTuple):
    """What a load gave."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    broken: int

    @property
    def per_second(self) -> float:
        """How many were answered as asked: what was refused counts for nothing."""
        return (self.requests - self.refused) / self.seconds


def load(port: int, asked: Iterable[Asked], connections: int, seconds: int) -> Load:
    """Send the requests in turn, one in flight on each connection, to a server on the loopback interface."""
    with tempfile.NamedTemporaryFile("w", suffix=".requests") as file:
        file.write("".join("\t".join(request) + "\n" for request in asked))
        file.flush()
        command = _command(port, file.name, connections, seconds)
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
    [line] = [line for line in ran.stdout.splitlines() if line.startswith(_MARK)]
    return Load(**json.loads(line.removeprefix(_MARK)))


def ask_each_once(port: int, asked: Iterable[Asked]) -> None:
    """Send each of the requests once, until it is answered as asked, so that what is read later is there."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for method, path, token, body in asked:
        status = 0
        while not 200 <= status < 300:
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            status = response.status
            response.read()
    connection.close()


def _command(port: int, requests: str, connections: int, seconds: int) -> list[str]:
    wrk = shutil.which("wrk")
    if wrk is None:
        return [sys.executable, str(_IN_PYTHON), str(port), requests, str(connections), str(seconds)]
    # One thread, so that the requests go out in the order of the file.
    limits = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
    return [wrk, *limits, "-s", str(_SCRIPT), f"http://127.0.0.1:{port}", "--", requests]
