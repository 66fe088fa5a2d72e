"""Batches: one request, all or nothing, in both kinds of with block."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from embedded_try import OUTLET, EmbeddedTry
from statekeep._shared.state import messages
from statekeep._shared.state.errors import ConflictError, InvalidValueError
from statekeep.accessors.batch import Batch

InBlock = Callable[[Batch, Callable[[Batch], None]], None]


@pytest.fixture(params=["with", "async with"])
def in_block(request: pytest.FixtureRequest) -> InBlock:
    """Run a function inside the block of a batch."""

    def blocking(batch: Batch, body: Callable[[Batch], None]) -> None:
        with batch as entered:
            body(entered)

    async def in_loop(batch: Batch, body: Callable[[Batch], None]) -> None:
        async with batch as entered:
            body(entered)

    return blocking if request.param == "with" else lambda batch, body: asyncio.run(in_loop(batch, body))


def test_a_batch_is_one_request_with_a_result_for_each_operation(
    running: EmbeddedTry, in_block: InBlock
) -> None:
    state = running.context.task_state

    def body(batch: Batch) -> None:
        batch.clear()
        batch.set("a", [1])
        batch.get("a")
        batch.get("absent", "default")
        batch.increment("n", 5)
        batch.increment("n")
        batch.set_max("m", "2026-01-01")
        batch.delete("a")

    batch = state.batch()
    in_block(batch, body)
    [_, version, *rest] = batch.results
    assert isinstance(version, int)
    assert rest == [[1], "default", 5, 6, "2026-01-01", None]
    assert [frame.message["kind"] for frame in running.peer.frames] == ["Batch"]
    assert running.peer.frames[0].request_id is not None
    assert state.keys() == ["m", "n"]


def test_nothing_is_sent_when_the_block_raises(running: EmbeddedTry, in_block: InBlock) -> None:
    def body(batch: Batch) -> None:
        batch.set("a", 1)
        raise KeyError("x")

    batch = running.context.task_state.batch()
    with pytest.raises(KeyError):
        in_block(batch, body)
    assert running.peer.frames == []
    with pytest.raises(RuntimeError, match="when its block has ended"):
        batch.results  # noqa: B018 -- reading it is what raises


def test_nothing_takes_effect_when_one_operation_is_refused(running: EmbeddedTry, in_block: InBlock) -> None:
    state = running.context.task_state
    state.set("taken", 0)

    def body(batch: Batch) -> None:
        batch.set("a", 1)
        batch.set("taken", 1, if_absent=True)

    with pytest.raises(ConflictError):
        in_block(state.batch(), body)
    assert state.keys() == ["taken"]


def test_what_breaks_a_rule_is_refused_when_it_is_added(running: EmbeddedTry) -> None:
    with pytest.raises(InvalidValueError), running.context.task_state.batch() as batch:
        batch.set("a", None)
    assert running.peer.frames == []


def test_an_empty_batch_sends_nothing(running: EmbeddedTry, in_block: InBlock) -> None:
    batch = running.context.task_state.batch()
    in_block(batch, lambda batch: None)
    assert batch.results == []
    assert running.peer.frames == []


@pytest.mark.parametrize("commit", ["staged", "now"])
def test_a_batch_on_an_asset_is_staged_unless_told_otherwise(
    running: EmbeddedTry, in_block: InBlock, commit: Any
) -> None:
    orders = running.context.asset_state["orders"]
    batch = orders.batch(commit=commit)
    in_block(batch, lambda batch: batch.set("k", 1))
    assert (batch.results == [None]) is (commit == "staged")
    running.finish(succeeded=False)
    left = running.store.as_operator(messages.Get("k", OUTLET))
    assert isinstance(left, messages.Absent) is (commit == "staged")
