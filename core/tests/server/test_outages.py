"""An outage is told once when it begins, and once when it is over."""

from __future__ import annotations

import asyncio
import logging

import pytest
from statekeep_core._shared.state.errors import StatekeepError, StoreUnusableError, UnavailableError
from statekeep_core.server.outages import Outages

AWAY = UnavailableError(what="the store", problem="nobody is there")
TOO_MANY = UnavailableError(what="the server", problem="too many wait")
OUT_OF_ORDER = StoreUnusableError(what="the store", problem="it is damaged", remedy="restore it")


def told_of(
    answers: list[StatekeepError | None], caplog: pytest.LogCaptureFixture, doubts: int = 3
) -> list[str]:
    """Return what the log says when the store gives these answers, one to each look."""
    left = list(answers)

    async def look() -> None:
        answer = left.pop(0)
        if answer is not None:
            raise answer

    async def scenario() -> None:
        outages = Outages(look, pause_seconds=0.0)
        while left:
            for _ in range(doubts):
                outages.doubt()
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)
        outages.close()

    with caplog.at_level(logging.INFO, "statekeep_core.server.outages"):
        asyncio.run(scenario())
    return [record.getMessage().partition(":")[0].partition(" after")[0] for record in caplog.records]


def test_an_outage_is_told_twice_however_many_requests_meet_it(caplog: pytest.LogCaptureFixture) -> None:
    assert told_of([AWAY] * 5 + [None], caplog) == ["the store is away", "the store is back"]
    assert "nobody is there" in caplog.records[0].getMessage()
    said = [(record.levelname, getattr(record, "event", "")) for record in caplog.records]
    assert said == [("WARNING", "store_away"), ("INFO", "store_back")]


def test_a_request_that_only_did_not_get_its_row_is_no_outage(caplog: pytest.LogCaptureFixture) -> None:
    assert told_of([None, OUT_OF_ORDER, None], caplog) == []


def test_a_server_that_has_too_much_to_do_says_nothing_of_the_store(caplog: pytest.LogCaptureFixture) -> None:
    assert told_of([TOO_MANY, TOO_MANY, None], caplog) == []
    assert told_of([TOO_MANY, AWAY, TOO_MANY, None], caplog) == ["the store is away", "the store is back"]


def test_a_closed_one_looks_no_more(caplog: pytest.LogCaptureFixture) -> None:
    async def look() -> None:
        raise AssertionError("it looked")

    async def scenario() -> None:
        outages = Outages(look)
        outages.doubt()
        outages.close()
        outages.doubt()
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert caplog.records == []


def test_a_second_outage_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    assert told_of([AWAY, None, AWAY, AWAY, None], caplog) == ["the store is away", "the store is back"] * 2
