"""The two drivers answer a flow alike: replies are sent into it, refusals thrown."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from statekeep._shared.state import messages
from statekeep._shared.state.errors import ConflictError, ReferenceMissingError, UnavailableError
from statekeep.accessors.drivers import arun, run
from statekeep.accessors.flows import Ask, BackendCall, Flow, Pause, Together
from statekeep_core._shared.state.errors import ReferenceMissingError as ReferenceMissingErrorOfCore
from worker_backends import DRIVES, Drive


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


# --- calls of a backend ----------------------------------------------------------------------------------


def test_a_backends_answer_is_sent_into_the_flow(drive: Drive) -> None:
    def flow() -> Flow[Any]:
        return (yield BackendCall(lambda: 5))

    assert drive(flow(), Answers()) == 5


def test_an_event_loop_awaits_the_async_twin_and_runs_anything_else_in_a_thread() -> None:
    async def twin() -> str:
        return "twin"

    def flow() -> Flow[list[Any]]:
        first = yield BackendCall(lambda: "blocking", twin)
        second = yield BackendCall(threading.current_thread)
        return [first, second]

    assert asyncio.run(arun(flow(), Answers()))[0] == "twin"
    assert asyncio.run(arun(flow(), Answers()))[1] is not threading.current_thread()
    assert run(flow(), Answers()) == ["blocking", threading.current_thread()]


@pytest.mark.parametrize("error", [ZeroDivisionError(), OSError("no"), ConflictError(key="k")])
def test_whatever_a_backend_raises_is_thrown_into_the_flow(drive: Drive, error: Exception) -> None:
    def fail() -> None:
        raise error

    def flow() -> Flow[Any]:
        try:
            yield BackendCall(fail)
        except type(error) as met:
            return met

    assert drive(flow(), Answers()) is error


def test_the_end_of_an_iterator_that_a_backend_lets_out_keeps_nobody_waiting(drive: Drive) -> None:
    empty: Iterator[str] = iter(())

    def flow() -> Flow[Any]:
        yield BackendCall(lambda: next(empty))

    with pytest.raises(RuntimeError, match="StopIteration"):
        drive(flow(), Answers())


@pytest.mark.parametrize("must_end", [True, False])
def test_who_is_cancelled_waits_for_a_twin_that_must_end(must_end: bool) -> None:
    async def main() -> list[str]:
        story: list[str] = []
        has_begun, may_end = threading.Event(), threading.Event()

        def write() -> None:
            has_begun.set()
            may_end.wait(30)
            story.append("written")

        def flow() -> Flow[Any]:
            yield BackendCall(write, lambda: asyncio.to_thread(write), must_end)

        caller = asyncio.ensure_future(arun(flow(), Answers()))
        await asyncio.to_thread(has_begun.wait, 30)
        caller.cancel()
        for _ in range(10):  # turns of the loop, of which a cancellation takes a few
            await asyncio.sleep(0)
        assert caller.done() is not must_end
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await caller
        return story

    story = asyncio.run(main())
    assert not must_end or story == ["written"]


def test_an_error_of_another_copy_arrives_as_this_copys_own(drive: Drive) -> None:
    theirs = ReferenceMissingErrorOfCore(scope="s", key="k", reference="r")

    def fail() -> None:
        raise theirs

    def flow() -> Flow[Any]:
        yield BackendCall(fail)

    with pytest.raises(ReferenceMissingError) as raised:
        drive(flow(), Answers())
    assert raised.value.facts == theirs.facts
    assert raised.value.__cause__ is theirs


def test_an_error_that_merely_looks_like_ours_stays_what_it_is(drive: Drive) -> None:
    class ServiceError(Exception):
        code = 404

    def fail() -> None:
        raise ServiceError

    def flow() -> Flow[Any]:
        yield BackendCall(fail)

    with pytest.raises(ServiceError):
        drive(flow(), Answers())


# --- flows together --------------------------------------------------------------------------------------


def returning(value: Any) -> Flow[Any]:
    return (yield BackendCall(lambda: value))


def failing(error: Exception) -> Flow[Any]:
    def fail() -> None:
        raise error

    return (yield BackendCall(fail))


@pytest.mark.parametrize("number", [0, 1, 2, 50])
def test_flows_together_give_their_results_in_order(drive: Drive, number: int) -> None:
    def flow() -> Flow[Any]:
        return (yield Together([returning(place) for place in range(number)]))

    assert drive(flow(), Answers()) == list(range(number))


@pytest.mark.parametrize("place", [0, 1, 20])
def test_the_error_of_one_is_thrown_into_the_flow_that_wanted_them(drive: Drive, place: int) -> None:
    flows = [returning(number) for number in range(40)]
    flows[place] = failing(ZeroDivisionError())

    def flow() -> Flow[Any]:
        try:
            yield Together(flows)
        except ZeroDivisionError:
            return "met"

    assert drive(flow(), Answers()) == "met"


def test_after_an_error_none_of_the_flows_goes_on(drive: Drive) -> None:
    begun, ended = [], []

    def counted() -> Flow[Any]:
        begun.append(1)
        yield from returning(1)
        ended.append(1)

    def flow() -> Flow[Any]:
        yield Together([failing(ZeroDivisionError()), *[counted() for _ in range(1_000)]])

    with pytest.raises(ZeroDivisionError):
        drive(flow(), Answers())
    so_far = len(begun), len(ended)
    if drive is DRIVES["run"]:
        assert so_far[0] == so_far[1]
    asyncio.run(asyncio.sleep(0))
    assert (len(begun), len(ended)) == so_far


def test_on_a_loop_the_others_have_ended_when_the_error_of_one_arrives() -> None:
    told: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            told.append("ended")

    def flow() -> Flow[Any]:
        try:
            yield Together([asking(slow), failing(ZeroDivisionError()), asking(slow)])
        except ZeroDivisionError:
            told.append("met")

    def asking(twin: Any) -> Flow[Any]:
        return (yield BackendCall(lambda: None, twin))

    asyncio.run(arun(flow(), Answers()))
    assert told == ["ended", "ended", "met"]
