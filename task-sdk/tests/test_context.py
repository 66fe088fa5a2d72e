"""The context: which try this process runs, under a supervisor or in the process itself."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peer import CONTEXT, Peer, echo_key
from statekeep._shared.state import messages
from statekeep.accessors.asset_state import DeclaredAssets
from statekeep.accessors.task_state import TaskStateAccessor
from statekeep.channel.address import ADDRESS_VARIABLE
from statekeep.context import Context, current_context, entered
from statekeep.errors import NoCurrentTaskError


class NoTransport:
    def call(self, request: Any, request_id: str | None = None) -> Any:
        raise AssertionError("nothing is asked")

    async def acall(self, request: Any, request_id: str | None = None) -> Any:
        raise AssertionError("nothing is asked")


def context_of(task_id: str) -> Context:
    task = messages.TaskAddress("etl", "2026-01-01", task_id)
    return Context(messages.Context(task, "an id", 1), NoTransport())


@pytest.fixture
def peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    peer = Peer(tmp_path / "peer.sock", echo_key)
    monkeypatch.setenv(ADDRESS_VARIABLE, peer.address)
    yield peer
    peer.join()


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS_VARIABLE, raising=False)


def test_a_supervised_process_learns_which_try_it_runs(peer: Peer) -> None:
    context = current_context()
    assert (context.dag_id, context.run_id, context.task_id, context.map_index) == CONTEXT.task
    assert (context.try_number, context.ti_id) == (2, CONTEXT.ti_id)
    assert context.fence == (CONTEXT.ti_id, 2)
    assert context.fence.try_number == 2
    assert repr(context) == (
        "<Context dag_id='etl' run_id='2026-01-01' task_id='load' map_index=3 try_number=2>"
    )


def test_state_is_there_by_attribute_and_by_subscript(peer: Peer) -> None:
    context = current_context()
    assert isinstance(context.task_state, TaskStateAccessor)
    assert isinstance(context.asset_state, DeclaredAssets)
    assert context["task_state"] is context.task_state
    assert context["asset_state"] is context.asset_state
    assert context["asset_state"]["orders"].get("k") == "k"
    assert context["dag_id"] == "etl"
    for name in ("nothing", "declare", "_transport"):
        with pytest.raises(KeyError):
            context[name]


def test_the_supervisor_is_asked_once_per_process(peer: Peer) -> None:
    assert current_context() is current_context()
    assert [len(connection.frames) for connection in peer.connections] == [1]


def test_threads_and_event_loops_have_the_same_context(peer: Peer) -> None:
    seen = [current_context()]
    thread = threading.Thread(target=lambda: seen.append(current_context()))
    thread.start()
    thread.join()

    async def main() -> None:
        seen.append(current_context())

    asyncio.run(main())
    assert seen[0] is seen[1] is seen[2]


def test_threads_that_ask_first_at_once_get_one_and_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_have_asked = threading.Barrier(2, timeout=20)
    peer = Peer(tmp_path / "slow.sock", echo_key, before_greeting=both_have_asked.wait)
    monkeypatch.setenv(ADDRESS_VARIABLE, peer.address)
    seen: list[Context] = []
    threads = [threading.Thread(target=lambda: seen.append(current_context())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    peer.join()
    assert len(peer.connections) == 2
    assert seen[0] is seen[1] is current_context()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # only the peer's threads
def test_a_forked_child_has_its_parents_context_and_a_connection_of_its_own(peer: Peer) -> None:
    context = current_context()
    context.task_state.get("parent")
    child = os.fork()
    if child == 0:
        try:
            found = current_context().task_state.get("child")
            os._exit(0 if found == "child" and current_context() is context else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert context.task_state.get("parent") == "parent"
    assert len(peer.connections) == 2


@pytest.mark.usefixtures("outside")
def test_outside_any_task_the_error_says_how_to_get_one() -> None:
    with pytest.raises(NoCurrentTaskError, match=r"statekeep run .* or open one here"):
        current_context()


@pytest.mark.usefixtures("outside")
def test_a_task_in_this_process_is_current_while_its_block_runs() -> None:
    with entered(context_of("a")) as context:
        assert current_context() is context
        with entered(context_of("b")) as inner:
            assert current_context() is inner
        assert current_context() is context
    with pytest.raises(NoCurrentTaskError):
        current_context()


def test_a_task_in_this_process_goes_before_the_supervised_one(peer: Peer) -> None:
    with entered(context_of("a")) as context:
        assert current_context() is context
    assert current_context().task_id == "load"


@pytest.mark.usefixtures("outside")
def test_another_thread_sees_the_only_open_task_and_is_told_when_there_are_several() -> None:
    seen: list[object] = []

    def look() -> None:
        try:
            seen.append(current_context())
        except NoCurrentTaskError as error:
            seen.append(str(error))

    def look_in_a_thread() -> None:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    with entered(context_of("a")) as only:
        look_in_a_thread()
        with entered(context_of("b")):
            look_in_a_thread()
    assert seen[0] is only
    assert "several open" in str(seen[1])


@pytest.mark.usefixtures("outside")
def test_event_loop_tasks_that_open_one_each_see_their_own() -> None:
    async def work(name: str, both: asyncio.Barrier) -> str:
        with entered(context_of(name)):
            await both.wait()
            seen = current_context().task_id
            await both.wait()
        return seen

    async def main() -> list[str]:
        both = asyncio.Barrier(2)
        return list(await asyncio.gather(work("a", both), work("b", both)))

    assert asyncio.run(main()) == ["a", "b"]
