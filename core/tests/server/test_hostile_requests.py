"""Whatever a body or a header holds: the document has the answer, and a refusal has changed nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from statekeep_core.policy import Work
from statekeep_core.server.endpoints import ENDPOINTS, Endpoint
from statekeep_core.server.openapi.refusals import refusals_of

from core.tests.server.served import TASK, Answered, Served

ASSET = {"kind": "AssetAddress", "name": "orders"}
DIGEST = "A" * 43 + "="
EXTERNAL = {
    "kind": "External",
    "reference": "r",
    "backend_id": "b",
    "storage_key": "k~" + "a" * 26,
    "origin": TASK,
    "size_bytes": 1,
    "digest": DIGEST,
}
# A good value for each field, or one that is near to it.
GOOD: dict[str, Any] = {
    "key": "k",
    "value": 1,
    "by": 1,
    "retention": "never",
    "if_version": 1,
    "if_absent": False,
    "apply_now": False,
    "external": None,
    "all_map_indices": False,
    "prefix": "k",
    "after": "a",
    "limit": 5,
    "with_values": True,
    "version": 1,
    "task": TASK,
    "inlets": [ASSET],
    "outlets": [ASSET],
    "rerun": True,
    "supervisor": "s",
    "fresh": False,
    "new_asset": False,
    "holds_lock": False,
    "lease_seconds": 60,
    "succeeded": False,
    "exit_status": 1,
    "reason": "r",
    "asset": ASSET,
    "writable": True,
    "target": None,
    "backend_ids": ["b"],
    "origins": [TASK],
    "dry_run": True,
    "object_ids": [1],
    "cursor": None,
    "storage_keys": ["k~" + "a" * 26],
    "with_objects": True,
    "include_inactive": True,
    "map_index": -1,
    "dag_id": "d",
    "run_id": "r",
    "task_id": "t",
    "operations": [{"kind": "Get", "key": "k"}, {"kind": "Set", "key": "k", "value": 1}],
}
# Texts of JSON, so that they may be what no encoder writes.
ODD = (
    *("null", "true", "0", "-1", "-0", "1.0", "1.5", "1e308", "1e-400", "1e999", "9223372036854775808"),
    *("-9223372036854775809", "9" * 5_000, "NaN", "Infinity", "01", "1_0", "0x1", '""', '"\\u0000"'),
    *('"\\ud800"', '"\\udfff\\ud800"', '"' + "x" * 10_000 + '"', '"\\x00"', '"\x00"', '"\x7f\u0085"', "'x'"),
    *("[]", "[[]]", "[null]", "[" * 100 + "]" * 100, "[" * 100_000, "{}", '{"kind":"Get"}', '{"kind":1}'),
    *('{"kind":"TaskAddress"}', '{"kind":"AssetAddress"}', '{"kind":"AssetAddress","name":"\\u0000"}'),
    *('{"kind":"TaskAddress","dag_id":"","run_id":"r","task_id":"t"}', '{"a":1,"a":2}', '{"":{"":{"":0}}}'),
    *('{"kind":"TryClaims","instance_id":1,"try_number":1}', json.dumps(EXTERNAL), '"2026-01-01T00:00:00Z"'),
    *('{"kind":"Batch","operations":[]}', '[{"kind":"Batch","operations":[]}]', '[{"kind":"Set","key":"k"}]'),
    *("[1,2", '{"a"', "", " ", "\ufeff1", "1 1", "nul", "tru", '"\\', '"\\u12', "1e", "--1", "+1", ".5"),
)
BODIES = (
    *(b"", b" ", b"null", b"[]", b'"x"', b"1", b"{", b"}", b"{}{}", b"{}\x00", b"\x00{}", b"\xef\xbb\xbf{}"),
    *(b"\xff\xfe{\x00}\x00", b'{"key":"\xff"}', b'{"key":"\xed\xa0\x80"}', b'{"\xc3":1}', b"{" * 100_000),
    *(b'{"key":"k","key":"l","value":1}', b'{"kind":"Set","kind":"Get","key":"k"}', b'{"a":' * 5_000),
    *(b'{"key":"k","value":1,}', b'{"key":"k" "value":1}', b"{'key':'k'}", b"key=k&value=1", b"--x\r\n\r\n"),
    b'{"key":"k","value":' + b"[" * 61 + b"]" * 61 + b"}",
    b'{"operations":[' + b'{"kind":"Get","key":"k"},' * 1_001 + b"]}",
)


class Target:
    """An application that the examples of a test share, and who may ask each of its endpoints."""

    def __init__(self, served: Served, runner: asyncio.Runner) -> None:
        self.served = served
        self._runner = runner
        self.token = self.run(self.served.started(outlets=[ASSET], lease_seconds=86_400))

    def run(self, scenario: Any) -> Any:
        return self._runner.run(scenario)

    def proof(self, endpoint: Endpoint) -> str:
        if endpoint.is_for_people:
            return self.served.operator
        is_of_a_try = endpoint.request.__name__ in (*_OF_A_TRY, "Heartbeat", "Finish", "AddGrant")
        return self.token if is_of_a_try else self.served.worker

    def ask(self, endpoint: Endpoint, body: bytes, **headers: str) -> Answered:
        """Ask, and hold the answer to what is promised of all of them."""
        before = self._state()
        answered: Answered = self.run(self.served.ask(endpoint.path, body, self.proof(endpoint), **headers))
        if answered.status == 200:
            if endpoint.request.__name__ == "Finish":
                self.token = self.run(self.served.started(outlets=[ASSET], lease_seconds=86_400, rerun=True))
            return answered
        assert answered.document["code"] in refusals_of(endpoint)[answered.status], answered.document
        assert answered.document["code"] != "internal_fault", answered.document
        assert self._state() == before
        return answered

    def check(self) -> None:
        """Find that the next good request is answered."""
        read = self.run(self.served.ask("/execution/v1/get", {"key": "k"}, self.token))
        assert read.status == 200, read.document

    def _state(self) -> list[Any]:
        return list(self.run(self.served.engine.transact(_everything)))


def _everything(work: Work) -> list[Any]:
    tables = [
        name
        for (name,) in work.tx.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        if not str(name).startswith("sqlite")
    ]
    return [(name, list(work.tx.rows(f"SELECT * FROM {name}"))) for name in tables]


_OF_A_TRY = ("Get", "Set", "Delete", "Clear", "Increment", "SetMax", "Batch", "ListEntries", "ListHistory")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with asyncio.Runner() as runner:
        served = Served(tmp_path_factory.mktemp("served"))
        runner.run(served.__aenter__())
        yield Target(served, runner)
        runner.run(served.__aexit__())


endpoints = st.sampled_from(list(ENDPOINTS.values()))
# The fixture is the module's, and what one example leaves in the store is nothing to the next.
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def body_of(endpoint: Endpoint, without: str = "") -> dict[str, Any]:
    body = {name: GOOD[name] for name in endpoint.request._fields if name in GOOD and name != without}
    if endpoint.is_for_people and "target" in body:
        body["target"] = ASSET
    return body


def written(body: dict[str, Any], name: str, odd: str) -> bytes:
    rest = "".join(f",{json.dumps(key)}:{json.dumps(value)}" for key, value in body.items())
    return f"{{{json.dumps(name)}:{odd}{rest}}}".encode("utf-8", "surrogatepass")


@shared
@given(endpoints, st.data())
def test_a_field_of_another_kind(target: Target, endpoint: Endpoint, data: st.DataObject) -> None:
    names = (*endpoint.request._fields, "unknown", "kind", "")
    name = data.draw(st.sampled_from(names))
    odd = data.draw(st.sampled_from(ODD) | st.text().map(json.dumps))
    target.ask(endpoint, written(body_of(endpoint, without=name), name, odd))
    target.check()


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_an_odd_value_of_state(target: Target, odd: str) -> None:
    for path, name in (("set", "value"), ("increment", "by"), ("set-max", "value"), ("set", "external")):
        endpoint = ENDPOINTS[f"/execution/v1/{path}"]
        target.ask(endpoint, written({"key": "odd"} if name != "external" else {"key": "k"}, name, odd))
    target.check()


@shared
@given(endpoints, st.sampled_from(BODIES) | st.binary())
def test_a_body_of_any_bytes(target: Target, endpoint: Endpoint, body: bytes) -> None:
    target.ask(endpoint, body)
    target.check()


HEADER = st.text(st.characters(max_codepoint=255), max_size=100)


@shared
@given(HEADER, HEADER, HEADER, HEADER)
@example("", "", "", "")
@example("x" * 65, "1", "x" * 60_000, "x")
@example("\xe9", "7; floor=8", "\xff", "gzip")
@example("a\tb", "-1", "text/html", "identity")
def test_headers_of_any_text(
    target: Target, request_id: str, sending: str, content_type: str, encoding: str
) -> None:
    endpoint = ENDPOINTS["/execution/v1/increment"]
    headers = {
        "idempotency-key": request_id,
        "statekeep-sending": sending,
        "content-type": content_type,
        "content-encoding": encoding,
        "traceparent": sending,
        "x-request-id": request_id,
    }
    target.ask(endpoint, b'{"key":"n","by":1}', **headers)
    target.check()


@given(HEADER)
@example("Bearer " + "x" * 60_000)
@example("Bearer statekeep_" + "\xff" * 99)
@example("bearer\tx")
def test_credentials_of_any_text(target: Target, authorization: str) -> None:
    answered = target.run(target.served.ask("/execution/v1/get", {"key": "k"}, authorization=authorization))
    assert (answered.status, answered.document["code"]) == (401, "unauthenticated")
