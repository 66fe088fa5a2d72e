"""Single requests to a server, and what it answers."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, NamedTuple

from server_process import ServerProcess

_PATIENCE = 3_000


class Answer(NamedTuple):
    status: int
    retry_after: str | None
    document: Any


def post(server: ServerProcess, operation: str, proof: str, body: Any, request_id: str = "") -> Answer:
    request = urllib.request.Request(
        f"{server.url}/execution/v1/{operation}",
        json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {proof}",
            "Content-Type": "application/json",
            "Idempotency-Key": request_id,
        },
    )
    return answered(request)


def answered(request: str | urllib.request.Request) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return Answer(response.status, None, json.load(response))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers["retry-after"], json.load(error))


def until(is_so: Callable[[], bool]) -> None:
    for _ in range(_PATIENCE):
        if is_so():
            return
        threading.Event().wait(0.02)  # leaves the processor to whom this waits for
    raise AssertionError("it never came")
