"""What the log may not hold, whatever is asked: values, keys' values, tokens, credentials."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from statekeep_core import config
from statekeep_core.server.endpoints import ENDPOINTS
from statekeep_core.server.opening import open_engine
from statekeep_core.server.telemetry import logs
from statekeep_core.server.telemetry.access_log import AccessLog
from statekeep_core.server.telemetry.observing import Observers

from core.tests.server.served import TASK, Served, run

MARK = "marked-9c1f"
ORDERS = {"kind": "AssetAddress", "name": "orders"}
EXTERNAL = {
    "kind": "External",
    "backend_id": "b",
    "reference": MARK,
    "storage_key": "k~" + "a" * 26,
    "size_bytes": 9,
    "digest": "",
    "origin": TASK,
}
# Every field that any request has, marked wherever it is text of the caller's.
FIELDS: dict[str, Any] = {
    "key": "k",
    "value": MARK,
    "by": MARK,
    "external": EXTERNAL,
    "reason": MARK,
    "succeeded": False,
    "task": TASK,
    "target": ORDERS,
    "asset": ORDERS,
    "version": 1,
    "prefix": MARK,
    "cursor": MARK,
    "operations": [{"kind": "Set", "key": "k", "value": MARK}],
    "backend_ids": [MARK],
    "storage_keys": [MARK],
}


@pytest.fixture(params=["text", "json"])
def said(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """The log in full, in either form."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    given = {"server.log_format": str(request.param), "server.log_level": "debug"}
    logs.configure(config.load({"STATEKEEP_CONFIG": ""}, given).server, stream)
    yield stream
    root.handlers[:], root.level = handlers, level


def bodies_for(fields: tuple[str, ...]) -> list[bytes]:
    """Return bodies of one kind of request: whole, with strange values, cut off, and of another form."""
    given = {name: FIELDS[name] for name in fields if name in FIELDS}
    value = {"value": MARK} if "value" in fields else {}
    whole = json.dumps(given).encode()
    plain = json.dumps({name: given[name] for name in given if name != "external"} | value).encode()
    return [whole, plain, whole[:-2], json.dumps([MARK]).encode(), json.dumps({MARK: MARK}).encode()]


def test_no_line_holds_what_was_sent_stored_or_shown_as_proof(tmp_path: Path, said: io.StringIO) -> None:
    observers = Observers([AccessLog(every=True)])
    proofs: list[str] = []

    async def scenario(served: Served) -> None:
        token = await served.started(outlets=[ORDERS])
        proofs.extend([token, served.worker, served.operator])
        wrong = [token[:-4] + "AAAA", "statekeep_" + MARK, MARK]
        for endpoint in ENDPOINTS.values():
            for body in bodies_for(endpoint.request._fields):
                for proof in (token, served.operator, served.worker):
                    await served.ask(endpoint.path, body, proof, idempotency_key="i", x_other=MARK)
            for proof in wrong:
                await served.ask(endpoint.path, b"{}", proof)
        await served.ask(f"/execution/v1/{MARK}", {"key": MARK}, token)

    run(tmp_path, scenario, observers=observers)
    assert said.getvalue().count("a request was answered") > len(ENDPOINTS) * 10
    assert [hidden for hidden in [MARK, *proofs] if hidden in said.getvalue()] == []


def test_a_fault_that_quotes_what_it_met_does_so_nowhere(tmp_path: Path, said: io.StringIO) -> None:
    class Faulty:
        """An engine whose every answer is a fault."""

        async def answer(self, _: object) -> None:
            raise KeyError(MARK)

    observers = Observers([AccessLog(every=True)])

    async def scenario(served: Served) -> None:
        token = await served.started()
        served.app._engine = Faulty()  # type: ignore[assignment]  # it is asked for answers only
        answered = await served.ask("/execution/v1/get", {"key": "k"}, token, idempotency_key="the-request")
        assert (answered.status, answered.document["code"]) == (500, "internal_fault")
        assert answered.document["request_id"] == answered.headers["x-request-id"] == "the-request"
        assert MARK not in answered.body.decode()

    run(tmp_path, scenario, observers=observers)
    assert MARK not in said.getvalue()
    assert "KeyError" in said.getvalue()
    assert said.getvalue().count("the-request") >= 3  # the traceback's line, the fault's and the request's


def test_a_fault_of_the_store_leaves_its_traceback_under_the_requests_id(
    tmp_path: Path, said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError(MARK)

    async def scenario(served: Served) -> None:
        token = await served.started()
        monkeypatch.setattr("statekeep_core.execution_api.service.answer", fail)
        answered = await served.ask("/execution/v1/get", {"key": "k"}, token, idempotency_key="the-request")
        assert answered.document["code"] == "internal_fault"
        assert answered.document["facts"] == {"problem": "ValueError"}
        assert MARK not in answered.body.decode()

    run(tmp_path, scenario)
    assert "ValueError" in said.getvalue()
    assert "the-request" in said.getvalue()
    assert MARK not in said.getvalue()


def test_a_database_that_is_away_is_told_of_without_its_password(said: io.StringIO) -> None:
    with socket.socket() as closed:  # bound, and nobody listens
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql://keeper:{MARK}@127.0.0.1:{closed.getsockname()[1]}/d?application_name={MARK}x"
        environ = {"STATEKEEP_CONFIG": "", "STATEKEEP__DATABASE__URL": url}

        async def scenario() -> None:
            opening = asyncio.ensure_future(open_engine(environ, lambda _: None))
            async with asyncio.timeout(60):
                while "waiting for the database" not in said.getvalue():  # noqa: ASYNC110 -- a log has no event
                    await asyncio.sleep(0.01)
            opening.cancel()
            await asyncio.wait([opening])

        asyncio.run(scenario())
    assert MARK not in said.getvalue()
