"""A try's end: recorded once, with patience for a store that is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from answers import Answers
from statekeep._shared.state import messages as m
from statekeep._shared.state.errors import SupersededError, UnavailableError
from statekeep._shared.state.wire import refusal_of, to_plain
from statekeep.supervisor.finishing import Finishing
from statekeep.supervisor.loop import Loop

CLAIMS = to_plain(m.TryClaims(7, 2))
AWAY = refusal_of(UnavailableError(what="the store", problem="its disk is full"))
LOST = refusal_of(SupersededError(task="t", try_number=2, current_try_number=3))


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def finish(
    loop: Loop, client: Any, patience_seconds: float, stops: Callable[[], int] = lambda: 0
) -> tuple[m.Finished | m.Refusal, list[str]]:
    said: list[str] = []
    finishing = Finishing(
        loop,
        client,
        CLAIMS,
        patience_seconds=patience_seconds,
        say=said.append,
        stops=stops,
        pause_seconds=0.001,
    )
    return finishing.finish(m.Finish(True, 0)), said


def test_a_finish_that_meets_an_absent_store_is_repeated_under_its_id(loop: Loop) -> None:
    client = Answers(AWAY, AWAY, m.Finished("succeeded"))
    reply, said = finish(loop, client, patience_seconds=3600)
    assert reply == m.Finished("succeeded")
    assert len(client.asked) == 3
    assert len({request_id for _, request_id in client.asked}) == 1
    assert len(said) == 1
    assert said[0].startswith("the try's end could not be recorded: the store is unavailable")


@pytest.mark.parametrize(("patience_seconds", "stops"), [(0.002, 0), (3600, 1)])
def test_patience_ends_by_itself_or_when_the_supervisor_is_told_to_end(
    loop: Loop, patience_seconds: float, stops: int
) -> None:
    assert finish(loop, Answers(AWAY), patience_seconds, lambda: stops)[0] == AWAY


def test_a_stop_ends_the_wait_for_an_answer_and_one_that_came_before_does_not(loop: Loop) -> None:
    class Silent(Answers):
        def submit(self, *arguments: Any, **named: Any) -> None:
            super().submit(*arguments, **{**named, "on_reply": lambda _: None})
            loop.call_after(0.001, lambda: stopped.append(1))

    stopped: list[int] = [1]
    reply, _ = finish(loop, Silent(AWAY), patience_seconds=3600, stops=lambda: len(stopped))
    assert isinstance(reply, m.Refusal)
    assert (reply.code, len(stopped)) == ("unavailable", 2)
    assert "stopped before" in str(reply.facts["problem"])


def test_a_refusal_that_time_does_not_change_is_not_repeated(loop: Loop) -> None:
    client = Answers(LOST)
    assert finish(loop, client, patience_seconds=3600) == (LOST, [])
    assert len(client.asked) == 1
