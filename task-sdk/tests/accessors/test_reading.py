"""What both kinds of state offer to readers, blocking and async alike."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from embedded_try import TASK, EmbeddedTry
from statekeep._shared.state.errors import (
    InvalidKeyError,
    InvalidValueError,
    SupersededError,
    TryFinishedError,
)

Call = Callable[..., Any]


@pytest.fixture(params=["task", "asset"])
def state(request: pytest.FixtureRequest, running: EmbeddedTry) -> Any:
    context = running.context
    return context.task_state if request.param == "task" else context.asset_state["orders"]


def test_an_absent_key_reads_as_the_default(call: Call, state: Any) -> None:
    assert call(state, "get", "absent") is None
    assert call(state, "get", "absent", 0) == 0
    assert call(state, "entry", "absent") is None


@pytest.mark.parametrize("value", [0, "", False, [], {}, 0.5, "ü\x00", [None, {"a": [1]}], 10**400])
def test_a_value_comes_back_as_it_was_given(call: Call, state: Any, value: object) -> None:
    call(state, "set", "k", value)
    found = call(state, "get", "k", "the default")
    assert found == value
    assert type(found) is type(value)


def test_a_value_comes_back_as_the_type_that_is_named(call: Call, state: Any) -> None:
    instant = datetime.datetime(2026, 1, 1, 12, 30, tzinfo=datetime.UTC)
    call(state, "set", "k", instant)
    assert call(state, "get", "k", type=datetime.datetime) == instant
    assert call(state, "entry", "k", type=datetime.datetime).value == instant
    with pytest.raises(InvalidValueError, match="does not read as int"):
        call(state, "get", "k", type=int)


def test_keys_and_entries_come_in_order_and_by_prefix(call: Call, state: Any) -> None:
    for key in ("b/2", "a", "b/1", "ü", "b"):
        call(state, "set", key, key.upper())
    assert call(state, "keys") == ["a", "b", "b/1", "b/2", "ü"]
    assert call(state, "keys", "b/") == ["b/1", "b/2"]
    assert call(state, "keys", prefix="c") == []
    assert [(entry.key, entry.value) for entry in call(state, "entries", "b/")] == [
        ("b/1", "B/1"),
        ("b/2", "B/2"),
    ]


def test_a_list_is_read_to_its_end_over_several_pages(
    call: Call, state: Any, running: EmbeddedTry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("statekeep.accessors.operations._PAGE_ENTRIES", 2)
    with state.batch() as batch:
        for number in range(5):
            batch.set(f"k{number}", number)
    assert call(state, "keys") == ["k0", "k1", "k2", "k3", "k4"]
    assert [entry.value for entry in call(state, "entries")] == [0, 1, 2, 3, 4]
    assert sum(frame.message["kind"] == "ListEntries" for frame in running.peer.frames) == 6


@pytest.mark.parametrize("key", ["", "a\n", "\ud800", "k" * 513, 7])
def test_a_key_that_breaks_the_rules_is_refused_before_anything_is_sent(
    call: Call, state: Any, running: EmbeddedTry, key: Any
) -> None:
    for name in ("get", "entry"):
        with pytest.raises(InvalidKeyError):
            call(state, name, key)
    if key != "":
        with pytest.raises(InvalidKeyError):
            call(state, "keys", key)
    assert running.peer.frames == []


def test_a_superseded_try_is_told_so_and_reads_no_default(
    call: Call, state: Any, running: EmbeddedTry, start_try: Callable[[], EmbeddedTry]
) -> None:
    call(state, "set", "k", 1)
    start_try()
    for name in ("get", "entry", "keys", "entries"):
        with pytest.raises(SupersededError, match="superseded by try 2"):
            call(state, name, *(["k"] if name in ("get", "entry") else []))


def test_a_finished_try_is_told_so(call: Call, state: Any, running: EmbeddedTry) -> None:
    running.finish()
    with pytest.raises(TryFinishedError):
        call(state, "get", "k")


def test_an_entry_says_when_and_by_whom_it_was_written(call: Call, running: EmbeddedTry) -> None:
    state = running.context.task_state
    version = call(state, "set", "k", [1], retention=datetime.timedelta(days=2))
    entry = call(state, "entry", "k")
    assert (entry.key, entry.value, entry.version) == ("k", [1], version)
    assert entry.updated_at.tzinfo is datetime.UTC
    assert entry.expires_at - entry.updated_at == datetime.timedelta(days=2)
    assert entry.writer.task == TASK
    assert entry.writer.try_number == 1
