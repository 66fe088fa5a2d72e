"""The two drivers answer a flow alike: replies are sent into it, refusals thrown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from statekeep._shared.state import messages
from statekeep._shared.state.errors import ConflictError, UnavailableError
from statekeep.accessors.drivers import arun, run
from statekeep.accessors.flows import Ask, Flow, Pause

Drive = Callable[[Any, Any], Any]


class Answers:
    """A transport that answers from a list, and keeps what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Any, str | None]] = []

    def call(self, request: Any, request_id: str | None = None) -> Any:
        self.asked.append((request, request_id))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def acall(self, request: Any, request_id: str | None = None) -> Any:
        await asyncio.sleep(0)
        return self.call(request, request_id)


@pytest.fixture(params=["run", "arun"])
def drive(request: pytest.FixtureRequest) -> Drive:
    return run if request.param == "run" else lambda flow, transport: asyncio.run(arun(flow, transport))


def test_a_flow_is_answered_until_it_returns(drive: Drive) -> None:
    def flow() -> Flow[list[Any]]:
        first = yield Ask(messages.Get("a"))
        second = yield Ask(messages.Get("b"), "an id")
        return [first, second]

    transport = Answers(1, 2)
    assert drive(flow(), transport) == [1, 2]
    assert transport.asked == [(messages.Get("a"), None), (messages.Get("b"), "an id")]


def test_a_flow_may_end_without_asking(drive: Drive) -> None:
    def flow() -> Flow[int]:
        return 5
        yield

    assert drive(flow(), Answers()) == 5


def test_a_refusal_is_thrown_into_the_flow_which_may_go_on(drive: Drive) -> None:
    def flow() -> Flow[Any]:
        try:
            yield Ask(messages.Get("a"))
        except ConflictError:
            return (yield Ask(messages.Get("b")))

    assert drive(flow(), Answers(ConflictError(key="a", version=1, wanted=2), "b")) == "b"


def test_a_refusal_that_the_flow_does_not_expect_reaches_the_caller(drive: Drive) -> None:
    def flow() -> Flow[Any]:
        return (yield Ask(messages.Get("a")))

    with pytest.raises(UnavailableError):
        drive(flow(), Answers(UnavailableError(what="the store", problem="it is full")))


def test_a_pause_is_answered_with_nothing(drive: Drive) -> None:
    def flow() -> Flow[Any]:
        return (yield Pause(0.0))

    assert drive(flow(), Answers()) is None
