"""What was not answered is tried again, so often and so long as the backend's patience goes."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from statekeep.backends.object_store.failures import UnansweredError
from statekeep.backends.object_store.patience import MAX_PAUSE_SECONDS, Patience
from statekeep.backends.object_store.repeating import repeated
from statekeep.backends.object_store.steps import Ask, Pause, Step
from statekeep.errors import UnavailableError

PATIENCE = Patience(connect_seconds=1, answer_seconds=1, max_retries=3, retry_seconds=60)
SILENCE = UnansweredError(what="s3://b", problem="it did not answer in time")
ASKED = Ask("delete", ([],))


def asking() -> Generator[Step, Any, str]:
    answer: str = yield ASKED
    return answer


def taken(
    answers: list[str | Exception], patience: Patience, seconds: Iterator[float]
) -> tuple[Any, list[Step]]:
    """Drive the flow by these answers; return its outcome, or what it raised, and the steps."""
    flow = repeated(patience, asking, lambda: next(seconds))
    steps: list[Step] = []
    try:
        step = next(flow)
        while True:
            steps.append(step)
            answer = None if isinstance(step, Pause) else answers.pop(0)
            step = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
    except StopIteration as done:
        return done.value, steps
    except UnavailableError as error:
        return error, steps


def no_time() -> Iterator[float]:
    while True:
        yield 0.0


def test_an_answer_is_returned_at_once() -> None:
    assert taken(["x"], PATIENCE, no_time()) == ("x", [ASKED])


def test_silence_is_followed_by_a_pause_and_another_try() -> None:
    outcome, steps = taken([SILENCE, SILENCE, "x"], PATIENCE, no_time())
    assert outcome == "x"
    expected: list[Step] = [ASKED, Pause(0.1), ASKED, Pause(0.2), ASKED]
    assert steps == expected


def test_the_last_silence_is_raised_when_retries_are_used_up() -> None:
    outcome, steps = taken([SILENCE] * 9, PATIENCE, no_time())
    assert outcome is SILENCE
    assert steps.count(ASKED) == 1 + PATIENCE.max_retries
    assert taken([SILENCE], PATIENCE._replace(max_retries=0), no_time()) == (SILENCE, [ASKED])


def test_it_is_raised_when_time_is_up() -> None:
    outcome, steps = taken([SILENCE] * 9, PATIENCE, iter([0.0, 59.9, 60.0]))
    assert outcome is SILENCE
    assert steps.count(ASKED) == 2


def test_pauses_have_a_bound() -> None:
    _, steps = taken([SILENCE] * 20, PATIENCE._replace(max_retries=19), no_time())
    assert max(step.seconds for step in steps if isinstance(step, Pause)) == MAX_PAUSE_SECONDS


def test_any_other_failure_is_raised_at_once() -> None:
    cut = UnavailableError(what="s3://b", problem="the connection was cut")
    assert taken([cut, "x"], PATIENCE, no_time()) == (cut, [ASKED])
