"""`statekeep.open_task`: a task in this very process."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
import statekeep as package
from statekeep import open_task
from statekeep._shared.state import messages as m
from statekeep.client.embedded import open_embedded
from statekeep.client.store_client import call
from statekeep.context import current_context
from statekeep.errors import AlreadySucceededError, ConflictError, SupersededError, TryRunningError
from statekeep_command import Statekeep


@pytest.fixture(autouse=True)
def _the_tests_store(statekeep: Statekeep, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATEKEEP_CONFIG", "STATEKEEP__DATABASE__URL"):
        monkeypatch.setenv(name, statekeep.environ[name])


def test_the_block_has_the_context_and_its_end_is_the_success(statekeep: Statekeep) -> None:
    with open_task(dag="etl", run="r", task="t", outlets=["orders"]) as context:
        assert current_context() is context
        context.task_state.set("k", 1)
        context.asset_state["orders"].set("day", 3)
        assert statekeep("asset", "get", "orders", "day").returncode == 3
    assert statekeep("asset", "get", "orders", "day").stdout == "3\n"
    assert statekeep.statuses() == ["succeeded"]
    assert statekeep.left_behind() == []


def test_a_block_that_raises_is_a_failed_try_whose_state_the_next_one_finds(statekeep: Statekeep) -> None:
    def fail() -> None:
        with open_task(dag="etl", run="r", task="t", outlets=["o"]) as context:
            context.task_state.set("k", 1)
            context.asset_state["o"].set("day", 3)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with open_task(dag="etl", run="r", task="t", outlets=["o"]) as context:
        assert context.try_number == 2
        assert context.task_state.get("k") == 1
        assert context.asset_state["o"].get("day") is None
    assert [row["reason"] for row in statekeep.tries()] == ["raised ZeroDivisionError", None]


def test_a_second_one_is_refused_while_the_first_is_open_and_after_its_success() -> None:
    def open_it() -> None:
        with open_task(dag="etl", run="r", task="t"):
            pytest.fail("it was opened")

    with open_task(dag="etl", run="r", task="t"), pytest.raises(TryRunningError):
        open_it()
    with pytest.raises(AlreadySucceededError):
        open_it()
    with open_task(dag="etl", run="r", task="t", rerun=True) as context:
        assert context.try_number == 2


def test_many_coroutines_share_it_and_none_blocks_the_loop() -> None:
    async def add(context: package.Context) -> tuple[int, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        sums = await asyncio.gather(*(context.task_state.aincrement("n") for _ in range(20)))
        ticking.cancel()
        return max(sums), ticks

    with open_task(dag="etl", run="r", task="t") as context:
        total, ticks = asyncio.run(add(context))
    assert total == 20
    assert ticks > 20


def test_threads_share_it() -> None:
    with open_task(dag="etl", run="r", task="t") as context:
        threads = [
            threading.Thread(target=lambda: [context.task_state.increment("n") for _ in range(10)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert context.task_state.get("n") == 40


def test_staged_writes_that_no_longer_fit_are_raised_at_the_end(statekeep: Statekeep) -> None:
    def lose() -> None:
        with open_task(dag="etl", run="r", task="t", outlets=["o"]) as context:
            context.asset_state["o"].set("day", 1, if_absent=True)
            statekeep("asset", "set", "o", "day", "2")

    with pytest.raises(ConflictError):
        lose()
    assert statekeep.statuses() == ["failed"]


def test_a_try_that_was_taken_over_is_told_so(
    statekeep: Statekeep, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def go_on() -> None:
        with open_task(dag="etl", run="r", task="t") as context:
            client = open_embedded(os.environ)
            # As if this process had been away for longer than its lease.
            start = m.Start(m.TaskAddress("etl", "r", "t"), (), (), holds_lock=True, supervisor="other:1")
            started = call(client, m.WorkerClaims("other"), start)
            call(client, m.TryClaims(started.instance_id, started.try_number), m.Finish(True, 0))
            client.close()
            context.task_state.set("k", 1)

    monkeypatch.setenv("STATEKEEP__WORKERS__LEASE_SECONDS", "86400")
    with pytest.raises(SupersededError):
        go_on()
    assert statekeep.statuses() == ["superseded", "succeeded"]
