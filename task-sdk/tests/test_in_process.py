"""`statekeep.open_task`: a task in this very process."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
import statekeep as package
from statekeep import config, open_task
from statekeep._shared.state import messages as m
from statekeep._shared.state.wire import Plain, refusal_of, to_plain
from statekeep.client.opening import open_client
from statekeep.client.store_client import call
from statekeep.context import current_context
from statekeep.errors import (
    AlreadySucceededError,
    ConflictError,
    ForbiddenError,
    SupersededError,
    TryFinishedError,
    TryRunningError,
    UnavailableError,
)
from statekeep.in_process import InProcessTransport
from statekeep_command import Statekeep

# The lease's thread and the store's run in the parent, and the child uses neither.
_FORKS = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@pytest.fixture(autouse=True)
def _the_tests_store(statekeep: Statekeep, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in statekeep.environ.items():
        if name.startswith(("STATEKEEP", "XDG_DATA_HOME")):
            monkeypatch.setenv(name, text)


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
            environ = config.process_environment()
            client = open_client(config.load(environ), environ)
            # As if this process had been away for longer than its lease.
            secrets = [path.read_text().split()[-1][:64] for path in statekeep.locks().iterdir()]
            task = m.TaskAddress("etl", "r", "t")
            start = m.Start(task, holds_lock=True, supervisor="other:1", holds_lock_of=tuple(secrets))
            started = call(client, m.WorkerClaims("other"), start)
            call(client, m.TryClaims(started.instance_id, started.try_number), m.Finish(True, 0))
            client.close()
            context.task_state.set("k", 1)

    monkeypatch.setenv("STATEKEEP__WORKERS__LEASE_SECONDS", "86400")
    with pytest.raises(SupersededError):
        go_on()
    assert statekeep.statuses() == ["superseded", "succeeded"]


def test_a_cancelled_call_ends_when_its_reply_has_come_and_overtakes_nothing() -> None:
    async def cancel(context: package.Context) -> None:
        writes = [asyncio.create_task(context.task_state.aset("k", number)) for number in range(50)]
        await asyncio.sleep(0)
        for write in writes:
            write.cancel()
        await asyncio.wait(writes)
        assert all(write.cancelled() for write in writes)
        context.task_state.set("k", "new")

    with open_task(dag="etl", run="r", task="t") as context:
        asyncio.run(cancel(context))
        assert context.task_state.get("k") == "new"


@pytest.mark.parametrize("was_asynchronous", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_a_context_that_is_used_after_its_block_is_told_that_the_try_is_over(
    *, was_asynchronous: bool, fails: bool
) -> None:
    ends = pytest.raises(ZeroDivisionError) if fails else nullcontext()
    with ends, open_task(dag="etl", run="r", task="t") as context:
        if was_asynchronous:
            asyncio.run(context.task_state.aset("k", 1))
        if fails:
            raise ZeroDivisionError
    with pytest.raises(TryFinishedError, match="has failed" if fails else "has succeeded"):
        context.task_state.get("k")
    with pytest.raises(TryFinishedError):
        asyncio.run(context.task_state.aset("k", 2))


@_FORKS
def test_a_forked_child_that_uses_the_context_is_refused_and_the_parent_goes_on() -> None:
    with open_task(dag="etl", run="r", task="t") as context:
        asyncio.run(context.task_state.aset("k", 1))

        def use() -> None:
            for attempt in (
                lambda: context.task_state.set("k", 2),
                lambda: asyncio.run(context.task_state.aset("k", 2)),
                lambda: current_context().declare("orders", writable=True),
            ):
                with pytest.raises(ForbiddenError, match=f"belongs to process {os.getppid()}"):
                    attempt()

        assert _status_of_child(use) == 0
        context.task_state.increment("k")
        assert context.task_state.get("k") == 2


@_FORKS
@pytest.mark.parametrize("fails", [False, True])
def test_a_forked_child_that_leaves_the_block_ends_nothing(statekeep: Statekeep, *, fails: bool) -> None:
    parent = os.getpid()
    try:
        with open_task(dag="etl", run="r", task="t", outlets=["o"]) as context:
            context.asset_state["o"].set("day", 3)
            child = os.fork()
            if child == 0:
                signal.alarm(20)  # rather dead than waiting for ever
                if fails:
                    raise ZeroDivisionError
            else:
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
                assert statekeep("asset", "get", "o", "day").returncode == 3
                assert statekeep("run", "--dag=etl", "--run=r", "--task=t", "--", "true").returncode == 75
                assert statekeep.statuses() == ["running"]
                context.task_state.set("k", 1)
    finally:
        if os.getpid() != parent:
            os._exit(7)
    assert statekeep.statuses() == ["succeeded"]
    assert statekeep("asset", "get", "o", "day").stdout == "3\n"
    assert statekeep.left_behind() == []


def test_an_interrupt_in_the_block_wedges_nobody(statekeep: Statekeep) -> None:
    def interrupt(number: int, where: object) -> None:
        raise KeyboardInterrupt

    def write_until_interrupted() -> None:
        with open_task(dag="etl", run="r", task="t") as context:
            signal.setitimer(signal.ITIMER_REAL, 0.003)
            while True:
                context.task_state.increment("n")

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(20):
            with pytest.raises(KeyboardInterrupt):
                write_until_interrupted()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert statekeep("state", "set", "--dag=etl", "--run=r", "--task=t", "k", "1").returncode == 0
    assert statekeep.statuses() == ["failed"] * 20


def _status_of_child(act: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # rather dead than waiting for ever
        try:
            act()
        except BaseException:  # the child reports by its status, and runs no further test
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_request_that_the_end_of_its_try_overtook_has_an_unknown_outcome() -> None:
    class Closing:
        def ask(self, claims: Plain, request: Plain, request_id: str) -> Plain:
            transport.end("succeeded")
            return to_plain(refusal_of(UnavailableError(what="the store", problem="it was closed")))

    task = m.TaskAddress("etl", "r", "t")
    transport = InProcessTransport(Closing(), m.TryClaims(1, 1), task)  # type: ignore[arg-type]  # asks only
    with pytest.raises(TryFinishedError) as overtaken:
        transport.call(m.Set("k", b"1"))
    assert not overtaken.value.is_first_answer
    with pytest.raises(TryFinishedError) as late:
        transport.call(m.Set("k", b"1"))
    assert late.value.is_first_answer
