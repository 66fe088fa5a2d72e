"""Writes of a task's own state, blocking and async alike."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable
from typing import Any

import pytest
from embedded_try import EmbeddedTry
from statekeep._shared.state.errors import (
    ConflictError,
    InvalidRequestError,
    InvalidRetentionError,
    InvalidValueError,
    SupersededError,
    ValueTooLargeError,
)
from statekeep._shared.state.retention import NEVER
from statekeep.accessors.task_state import TaskStateAccessor

Call = Callable[..., Any]

NAIVE = datetime.datetime(2026, 1, 1)  # noqa: DTZ001 -- a naive one is what is refused


@pytest.fixture
def state(running: EmbeddedTry) -> TaskStateAccessor:
    return running.context.task_state


def test_versions_grow_with_every_write(call: Call, state: TaskStateAccessor) -> None:
    first, second = call(state, "set", "k", 1), call(state, "set", "k", 1)
    call(state, "delete", "k")
    third = call(state, "set", "k", 1)
    assert first < second < third


def test_the_next_try_reads_what_the_last_one_wrote(
    call: Call, state: TaskStateAccessor, start_try: Callable[[], EmbeddedTry]
) -> None:
    call(state, "set", "job_id", "42")
    assert call(start_try().context.task_state, "get", "job_id") == "42"


def test_a_superseded_try_cannot_write(
    call: Call, state: TaskStateAccessor, start_try: Callable[[], EmbeddedTry]
) -> None:
    later = start_try().context.task_state
    with pytest.raises(SupersededError):
        call(state, "set", "k", 1)
    assert later.get("k") is None


def test_a_write_under_a_version_happens_only_while_that_version_stands(
    call: Call, state: TaskStateAccessor
) -> None:
    version = call(state, "set", "k", 1)
    newer = call(state, "set", "k", 2, if_version=version)
    with pytest.raises(ConflictError) as raised:
        call(state, "set", "k", 3, if_version=version)
    assert raised.value.facts["version"] == newer
    with pytest.raises(ConflictError):
        call(state, "delete", "k", if_version=version)
    assert call(state, "get", "k") == 2
    call(state, "delete", "k", if_version=newer)
    assert call(state, "get", "k") is None


def test_a_write_if_absent_happens_once(call: Call, state: TaskStateAccessor) -> None:
    call(state, "set", "k", 1, if_absent=True)
    with pytest.raises(ConflictError):
        call(state, "set", "k", 2, if_absent=True)
    assert call(state, "get", "k") == 1


def test_delete_and_clear_remove(call: Call, state: TaskStateAccessor) -> None:
    for key in "abc":
        call(state, "set", key, key)
    assert call(state, "delete", "a") is None
    assert call(state, "delete", "a") is None
    assert call(state, "keys") == ["b", "c"]
    assert call(state, "clear") is None
    assert call(state, "keys") == []


def test_retention_is_sent_as_asked(call: Call, state: TaskStateAccessor) -> None:
    call(state, "set", "forever", 1, retention=NEVER)
    call(state, "increment", "sum", retention=datetime.timedelta(hours=1))
    call(state, "set_max", "most", 1, retention=datetime.timedelta(hours=1))
    call(state, "update", "changed", lambda old: 1, retention=datetime.timedelta(hours=1))
    assert call(state, "entry", "forever").expires_at is None
    for key in ("sum", "most", "changed"):
        entry = call(state, "entry", key)
        assert entry.expires_at - entry.updated_at == datetime.timedelta(hours=1)


def test_increment_returns_the_sum(call: Call, state: TaskStateAccessor) -> None:
    assert call(state, "increment", "n") == 1
    assert call(state, "increment", "n", 41) == 42
    assert call(state, "increment", "n", -0.5) == 41.5
    call(state, "set", "text", "a")
    with pytest.raises(InvalidValueError, match="not a number"):
        call(state, "increment", "text")
    with pytest.raises(InvalidValueError, match=r"^increment of 'n' is a string, not a number"):
        call(state, "increment", "n", "1")


@pytest.mark.parametrize(
    ("values", "greatest"),
    [
        ([2, 5, 3], 5),
        ([1, 1.5], 1.5),
        (["2026-01-01", "2025-12-31"], "2026-01-01"),
        ([datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)], datetime.date(2026, 1, 2)),
        (
            [
                datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC),
                datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=-1))),
                datetime.datetime(2026, 1, 1, 12, 30, tzinfo=datetime.UTC),
            ],
            datetime.datetime(2026, 1, 1, 13, tzinfo=datetime.UTC),
        ),
    ],
)
def test_set_max_returns_what_stands_in_the_type_that_was_given(
    call: Call, state: TaskStateAccessor, values: list[Any], greatest: object
) -> None:
    for value in values:
        stands = call(state, "set_max", "k", value)
    assert stands == greatest
    assert type(stands) is type(greatest)
    assert call(state, "get", "k", type=type(greatest)) == greatest


def test_set_max_refuses_what_is_not_alike(call: Call, state: TaskStateAccessor) -> None:
    call(state, "set_max", "k", 5)
    with pytest.raises(InvalidValueError, match="holds an int"):
        call(state, "set_max", "k", "6")


def test_update_writes_what_the_function_makes(call: Call, state: TaskStateAccessor) -> None:
    assert call(state, "update", "seen", lambda seen: [*seen, "a"], []) == ["a"]
    assert call(state, "update", "seen", lambda seen: [*seen, "b"], []) == ["a", "b"]
    assert call(state, "get", "seen") == ["a", "b"]


def test_update_gives_the_function_the_type_that_is_named(call: Call, state: TaskStateAccessor) -> None:
    start = datetime.date(2026, 1, 1)
    call(state, "set", "day", start)
    day = datetime.timedelta(days=1)
    assert call(state, "update", "day", lambda old: old + day, type=datetime.date) == start + day


def test_update_looks_again_when_somebody_wrote_in_between(call: Call, state: TaskStateAccessor) -> None:
    interruptions = [10, 100]

    def add_one(old: int) -> int:
        if interruptions:
            state.set("n", interruptions.pop(0))
        return old + 1

    state.set("n", 0)
    assert call(state, "update", "n", add_one) == 101
    assert call(state, "get", "n") == 101


def test_update_from_many_threads_loses_nothing(state: TaskStateAccessor) -> None:
    def work() -> None:
        for _ in range(5):
            state.update("n", lambda old: old + 1, 0)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.get("n") == 30


def test_what_the_function_raises_leaves_the_entry_as_it_was(call: Call, state: TaskStateAccessor) -> None:
    call(state, "set", "n", 1)
    with pytest.raises(ZeroDivisionError):
        call(state, "update", "n", lambda old: old // 0)
    with pytest.raises(InvalidValueError, match="None"):
        call(state, "update", "n", lambda old: None)
    assert call(state, "get", "n") == 1


@pytest.mark.parametrize(
    ("name", "given", "named", "error"),
    [
        ("set", ("k", None), {}, InvalidValueError),
        ("set", ("k", [float("nan")]), {}, InvalidValueError),
        ("set", ("k", (1,)), {}, InvalidValueError),
        ("set", ("k", "x" * 65_535), {}, ValueTooLargeError),
        ("set", ("k", 1), {"retention": 5}, InvalidRetentionError),
        ("set", ("k", 1), {"if_version": 1, "if_absent": True}, InvalidRequestError),
        ("increment", ("k", "1"), {}, InvalidValueError),
        ("increment", ("k", float("inf")), {}, InvalidValueError),
        ("set_max", ("k", [1]), {}, InvalidValueError),
        ("set_max", ("k", NAIVE), {}, InvalidValueError),
        ("set_max", ("k", "x" * 65_535), {}, ValueTooLargeError),
    ],
)
def test_what_breaks_a_rule_is_refused_before_anything_is_sent(
    call: Call, running: EmbeddedTry, name: str, given: Any, named: Any, error: type[Exception]
) -> None:
    with pytest.raises(error) as raised:
        call(running.context.task_state, name, *given, **named)
    assert running.peer.frames == []
    assert "xxx" not in str(raised.value)


def test_the_largest_value_that_fits_is_taken(call: Call, state: TaskStateAccessor) -> None:
    call(state, "set", "k", "x" * 65_534)
    assert call(state, "get", "k") == "x" * 65_534


def test_only_what_must_not_happen_twice_has_a_request_id(call: Call, running: EmbeddedTry) -> None:
    state = running.context.task_state
    version = call(state, "set", "blind", 1)
    call(state, "get", "blind")
    call(state, "keys")
    call(state, "delete", "blind")
    call(state, "clear")
    assert [frame.request_id for frame in running.peer.frames] == [None] * 5
    call(state, "set", "k", 1, if_absent=True)
    call(state, "increment", "n")
    call(state, "set_max", "n", 5)
    with pytest.raises(ConflictError):
        call(state, "delete", "k", if_version=version)
    ids = [frame.request_id or "" for frame in running.peer.frames[5:]]
    assert len({*ids}) == 4
    assert all(len(request_id) == 32 and int(request_id, 16) >= 0 for request_id in ids)
