"""What is known of a request, and the ids by which it is found again."""

from __future__ import annotations

import pytest
from statekeep_core.server.telemetry.observing import (
    Exchange,
    Observer,
    Observers,
    is_sampled_elsewhere,
    request_id_of,
    trace_id_of,
)


def test_the_idempotency_key_is_the_request_id_before_any_other() -> None:
    headers = {b"x-request-id": b"from-a-proxy", b"idempotency-key": b"ab" * 16}
    assert request_id_of(headers) == "ab" * 16
    del headers[b"idempotency-key"]
    assert request_id_of(headers) == "from-a-proxy"


@pytest.mark.parametrize("given", [b"", b"a b", b"a\nb", "é".encode(), b"x" * 65])
def test_an_id_that_no_line_should_hold_is_replaced_by_a_new_one(given: bytes) -> None:
    drawn = {request_id_of({b"idempotency-key": given}) for _ in range(2)}
    assert len(drawn) == 2
    assert all(len(each) == 32 for each in drawn)


@pytest.mark.parametrize("given", [b"", b"00-short-01", b"garbage"])
def test_a_header_that_names_no_trace_names_none(given: bytes) -> None:
    assert trace_id_of({b"traceparent": given}) == ""


@pytest.mark.parametrize(("flags", "expected"), [("00", False), ("01", True), ("03", True), ("02", False)])
def test_a_trace_says_whether_it_is_recorded(flags: str, expected: bool) -> None:
    header = f"00-{'a' * 32}-{'b' * 16}-{flags}".encode()
    assert is_sampled_elsewhere({b"traceparent": header}) is expected
    assert is_sampled_elsewhere({b"traceparent": b"garbage"}) is None


def test_the_last_that_began_is_the_first_to_end() -> None:
    told: list[str] = []

    class Named(Observer):
        def __init__(self, name: str) -> None:
            self.name = name

        def request_began(self, exchange: Exchange) -> None:
            told.append(f"{self.name} began")

        def request_ended(self, exchange: Exchange) -> None:
            told.append(f"{self.name} ended")

    observers = Observers([Named("a"), Named("b")])
    exchange = Exchange("get", "POST", {})
    observers.request_began(exchange)
    observers.request_ended(exchange)
    assert told == ["a began", "b began", "b ended", "a ended"]
    assert exchange.seconds > 0


def test_nobody_is_nobody() -> None:
    assert not Observers()
    assert Observers().waits() is None
