"""What schemathesis is told of a server: who may ask what, and which refusals no schema can foretell.

It loads this in its own process (SCHEMATHESIS_HOOKS) and is given the server in the environment.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import urllib.request
import uuid
from typing import Any

import schemathesis

_URL, _WORKER, _OPERATOR = (os.environ[f"HOSTILE_{name}"] for name in ("URL", "WORKER", "OPERATOR"))
_NUMBERS = itertools.count()
_EXECUTION = "/execution/v1/"
_OF_A_WORKER = frozenset(
    {"start", "store", "disposals/fetch", "disposals/acknowledge", "condemn", "sweep-step"}
)
_REQUEST_ID = "Idempotency-Key"
_SENDING = "Statekeep-Sending"
_IS_SENDING = re.compile("([0-9]+)(?:; *floor=([0-9]+))?")
_IS_REQUEST_ID = re.compile(r"[ -~]{0,64}")

# Schemas say what one request may be. What they cannot say: how its fields agree with each other, and with
# what the store holds. Each is the `what` and the `problem` of such a refusal.
_STATE = re.compile(
    r"a storage key or a digest that is not of this key"
    r"|an object that was made for another scope"
    r"|storage key .* is that of another object"
    r"|a reference of [\d,]+ bytes"
    r"|backends times origins, over the limit"
    r"|cursor of the sweep is none that a step"
    r"|names two different assets"
    r"|would overtake what this try has staged"
    r"|version -?\d+ of .* is a (delete|clear|sweep), which left no value"
    r"|is (a bool|a string|a list|a dict), not a number"
    r"|is (a bool|a list|a dict), which has no order here"
    r"|holds (an int|a float|a string|a date|a datetime).* and was given"
    r"|would leave the range of a float",
    re.DOTALL,
)


def _post(path: str, proof: str, body: object) -> Any:
    request = urllib.request.Request(
        _URL + path,
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {proof}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def _new_token() -> str:
    names = {"dag_id": f"hostile-{os.getpid()}", "run_id": "r", "task_id": str(next(_NUMBERS))}
    body = {
        "task": {"kind": "TaskAddress", **names},
        "outlets": [{"kind": "AssetAddress", "name": "orders"}],
        "lease_seconds": 86_400,
    }
    return str(_post(_EXECUTION + "start", _WORKER, body)["token"])


_TOKEN = _new_token()


@schemathesis.auth(refresh_interval=None)
class Proof:
    """Shows what each operation is for: of a try's, its token; finishing one takes a try of its own."""

    def get(self, _case: Any, context: Any) -> str:
        path = str(context.operation.path)
        if not path.startswith(_EXECUTION):
            return _OPERATOR
        operation = path.removeprefix(_EXECUTION)
        if operation in _OF_A_WORKER:
            return _WORKER
        return _new_token() if operation == "finish" else _TOKEN

    def set(self, case: Any, proof: str, _context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {proof}"


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Make of a valid request one that is valid beside the others: it has an id of its own.

    JSON Schema counts 1.0 as an integer, and the document says in words that none is written so.
    """
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if _IS_REQUEST_ID.fullmatch(case.headers.get(_REQUEST_ID, "no id" * 99)):
        case.headers[_REQUEST_ID] = uuid.uuid4().hex
    sending = _IS_SENDING.fullmatch(case.headers.get(_SENDING, ""))
    if sending and int(sending[2] or 0) > int(sending[1]):
        case.headers[_SENDING] = f"{sending[2]}; floor={sending[1]}"
    if isinstance(case.body, (dict, list)):
        case.body = _without_fractions(case.body)


@schemathesis.serializer("application/json")
def in_the_one_form(_context: Any, value: Any) -> bytes:
    """Write JSON as values are kept: the document says so in words, as no schema can."""
    if isinstance(value, bytes):  # what is no JSON on purpose
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _without_fractions(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_fractions(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_fractions(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@schemathesis.check
def what_the_schema_allows_is_refused_for_the_stores_state_only(
    _context: Any, response: Any, case: Any
) -> None:
    """Hold a 422 to a valid request against the reasons that no schema can foretell."""
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if is_valid and response.status_code == 422:
        detail = response.json()["detail"]
        assert _STATE.search(detail), f"a valid request was refused: {detail}"
