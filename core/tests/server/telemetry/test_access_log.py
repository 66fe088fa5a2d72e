"""Lines about requests: how many, and of what."""

from __future__ import annotations

import logging

import pytest
from statekeep_core.server.caller import Caller
from statekeep_core.server.telemetry.access_log import AccessLog
from statekeep_core.server.telemetry.observing import Exchange
from statekeep_core.server.tokens import TaskToken

TRACE = "0af7651916cd43dd8448eb211c80319c"


def ended(code: str = "ok", status: int = 200, caller: Caller | None = None) -> Exchange:
    exchange = Exchange("set", "POST", {b"traceparent": f"00-{TRACE}-b7ad6b7169203331-01".encode()}, "::1")
    exchange.code, exchange.status, exchange.caller = code, status, caller
    return exchange


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.event for record in caplog.records]  # type: ignore[attr-defined]  # what the log adds


def test_each_request_has_a_line_when_that_is_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    token = TaskToken("the-instance", 1, 3, 0.0)
    AccessLog(every=True).request_ended(ended(caller=Caller(token=token)))
    AccessLog(every=True).request_ended(ended(caller=Caller("w", "worker")))
    AccessLog(every=False).request_ended(ended())
    fields = [record.fields for record in caplog.records]  # type: ignore[attr-defined]  # as above
    assert [each["principal"] for each in fields] == ["the-instance/3", "worker:w"]
    assert {each["trace_id"] for each in fields} == {TRACE}
    assert [(each["operation"], each["status"], each["code"]) for each in fields] == [("set", 200, "ok")] * 2


def test_probes_have_lines_only_when_they_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for code in ("ok", "forbidden"):
        exchange = Exchange("metrics", "GET", {})
        exchange.code = code
        AccessLog(every=True).request_ended(exchange)
    assert [record.fields["code"] for record in caplog.records] == ["forbidden"]  # type: ignore[attr-defined]  # as above


def test_a_fault_always_has_a_line(caplog: pytest.LogCaptureFixture) -> None:
    AccessLog(every=False).request_ended(ended("internal_fault", 500))
    assert events(caplog) == ["request_fault"]


@pytest.mark.parametrize(
    ("code", "event"), [("unauthenticated", "credential_refused"), ("unavailable", "request_unavailable")]
)
def test_what_anybody_can_cause_has_ten_lines_a_minute_and_the_number_of_the_others(
    caplog: pytest.LogCaptureFixture, code: str, event: str
) -> None:
    now = [0.0]
    log = AccessLog(every=False, now=lambda: now[0])
    for _ in range(1_000):
        log.request_ended(ended(code, 401))
    assert events(caplog) == [event] * 10
    now[0] = 60.0
    log.request_ended(ended(code, 401))
    assert caplog.records[-1].fields["unsaid_before"] == 990  # type: ignore[attr-defined]  # as above
