"""The engine: groups, order, faults, and an end that answers everybody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.errors import InternalFaultError, StoreUnusableError, UnavailableError
from statekeep_core._shared.state.sendings import Sending
from statekeep_core._shared.state.wire import to_plain
from statekeep_core.policy import Policy
from statekeep_core.server.postgres_engine import PostgresEngine
from statekeep_core.server.sqlite_engine import SqliteEngine

CALL = ({"kind": "WorkerClaims"}, "", {"kind": "Get"})


class GatedStore:
    """Answers each call with its place in its group, when the gate is open."""

    policy = Policy()

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.is_asked = threading.Event()
        self.groups: list[int] = []
        self.threads: set[int] = set()
        self.is_closed = False

    def handle_group(self, calls: Sequence[Any]) -> list[Any]:
        self.threads.add(threading.get_ident())
        self.groups.append(len(calls))
        self.is_asked.set()
        self.gate.wait(10)
        return [{"kind": "Done", "number": call[1]} for call in calls]

    def transact(self, operation: Any) -> Any:
        return operation(None)

    def close(self) -> None:
        self.is_closed = True


def call(number: int) -> Any:
    return ({}, str(number), {})


def test_what_waits_while_a_group_commits_becomes_the_next_group() -> None:
    store = GatedStore()

    async def scenario() -> None:
        engine = SqliteEngine(lambda: store)
        await engine.open()
        first = asyncio.ensure_future(engine.answer(call(0)))
        await asyncio.to_thread(store.is_asked.wait, 10)
        rest = [asyncio.ensure_future(engine.answer(call(number))) for number in range(1, 6)]
        while engine.waiting["all"] < 5:  # noqa: ASYNC110 -- a queue tells nobody how long it is
            await asyncio.sleep(0)
        store.gate.set()
        replies = await asyncio.gather(first, *rest)
        assert [reply["number"] for reply in replies] == ["0", "1", "2", "3", "4", "5"]
        await engine.close()

    asyncio.run(scenario())
    assert store.groups == [1, 5]
    assert store.threads.isdisjoint({threading.get_ident()})


def test_a_call_is_answered_before_an_operation_that_waited_with_it_is_done() -> None:
    store, is_answered = GatedStore(), threading.Event()

    async def scenario() -> None:
        engine = SqliteEngine(lambda: store)
        await engine.open()
        first = asyncio.ensure_future(engine.answer(call(0)))
        await asyncio.to_thread(store.is_asked.wait, 60)
        operation = asyncio.ensure_future(engine.transact(lambda _: is_answered.wait(60)))
        second = asyncio.ensure_future(engine.answer(call(1)))
        while engine.waiting["all"] < 2:  # noqa: ASYNC110 -- a queue tells nobody how long it is
            await asyncio.sleep(0)
        store.gate.set()
        await first
        await second
        is_answered.set()
        assert await operation
        await engine.close()

    asyncio.run(scenario())


def test_the_limit_counts_what_waits_and_not_what_was_answered() -> None:
    store = GatedStore()

    async def scenario() -> None:
        engine = SqliteEngine(lambda: store, waiting_limit=2)
        await engine.open()
        waiting = [asyncio.ensure_future(engine.answer(call(number))) for number in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError, match="2 requests wait"):
            await engine.answer(call(3))
        store.gate.set()
        await asyncio.gather(*waiting)
        await engine.answer(call(4))
        await engine.close()

    asyncio.run(scenario())


def test_closing_answers_what_was_asked_and_refuses_what_is_asked_later() -> None:
    store = GatedStore()

    async def scenario() -> None:
        engine = SqliteEngine(lambda: store)
        await engine.open()
        asked = [asyncio.ensure_future(engine.answer(call(number))) for number in range(3)]
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(engine.close())
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError, match="shutting down"):
            await engine.answer(call(9))
        store.gate.set()
        assert len(await asyncio.gather(*asked)) == 3
        await closing
        await engine.close()

    asyncio.run(scenario())
    assert store.is_closed


def test_a_store_that_breaks_its_promise_leaves_nobody_waiting() -> None:
    class Broken(GatedStore):
        def handle_group(self, calls: Sequence[Any]) -> list[Any]:
            raise RuntimeError("broken")

    async def scenario() -> None:
        engine = SqliteEngine(Broken)
        await engine.open()
        for ask in (engine.answer(call(1)), engine.transact(lambda work: work.tx)):
            with pytest.raises(InternalFaultError):
                await ask
        assert await engine.transact(lambda _: 7) == 7
        await engine.close()

    asyncio.run(scenario())


def test_whoever_goes_away_disturbs_nobody() -> None:
    store = GatedStore()

    async def scenario() -> None:
        engine = SqliteEngine(lambda: store)
        await engine.open()
        gone, stays = (asyncio.ensure_future(engine.answer(call(number))) for number in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        store.gate.set()
        assert (await stays)["number"] == "1"
        await engine.close()

    asyncio.run(scenario())


def hot(number: int) -> Any:
    return ({"kind": "TryClaims"}, str(number), {"kind": "Get", "target": None})


def test_on_postgresql_what_a_statement_answers_waits_for_no_transaction() -> None:
    """Calls that are transactions of their own fill their threads; others get through, many together."""

    class Store(GatedStore):
        are_four_busy = threading.Event()

        def handle_group(self, calls: Sequence[Any]) -> list[Any]:
            if calls[0][0]:
                self.groups.append(len(calls))
                return [{"number": call[1]} for call in calls]
            self.threads.add(threading.get_ident())
            if len(self.threads) == 4:
                self.are_four_busy.set()
            return super().handle_group(calls)

    store = Store()

    async def scenario() -> None:
        engine = PostgresEngine(lambda: store)
        await engine.open()
        slow = [asyncio.ensure_future(engine.answer(call(number))) for number in range(9)]
        await asyncio.to_thread(store.are_four_busy.wait, 10)
        replies = await asyncio.gather(*(engine.answer(hot(number)) for number in range(200)))
        assert [reply["number"] for reply in replies] == [str(number) for number in range(200)]
        assert not any(one.done() for one in slow)
        store.gate.set()
        assert [reply["number"] for reply in await asyncio.gather(*slow)] == [str(n) for n in range(9)]
        await engine.close()

    asyncio.run(scenario())
    assert max(store.groups) <= 64
    assert len(store.groups) < 9 + 200
    assert len(store.threads) == 4
    assert store.is_closed


@pytest.mark.parametrize(
    ("request_", "lane"),
    [
        (m.Get("k"), "hot"),
        (m.Get("k", 7), "hot"),
        (m.Set("k", b"1"), "hot"),
        (m.Set("k", b"1", if_version=3), "hot"),
        (m.Set("k", b"1", if_absent=True), "hot"),
        (m.Delete("k"), "hot"),
        (m.Increment("k", b"-1"), "hot"),
        (m.Heartbeat(), "hot"),
        (m.Set("k", b"1", 7), "hot"),
        (m.Set("k", b"1", 7, if_absent=True), "hot"),
        (m.Set("k", b"1", 7, apply_now=True), "others"),
        (m.Delete("k", if_version=3), "others"),
        (m.Increment("k", b"1.5"), "others"),
        (m.Increment("k", b"1", 7), "hot"),
        (m.SetMax("k", b'"2026-01-01"'), "hot"),
        (m.SetMax("k", b"1" * 301, 7), "others"),
        (m.Delete("k", 7), "hot"),
        (m.Delete("k", 7, apply_now=True), "others"),
        (m.Batch(()), "others"),
    ],
    ids=repr,
)
def test_on_postgresql_a_request_waits_where_what_answers_it_is_done(request_: Any, lane: str) -> None:
    engine = PostgresEngine(GatedStore)
    asked = ({"kind": "TryClaims"}, "r", to_plain(request_))
    assert engine._lane_of(asked).name == lane
    assert engine._lane_of(({"kind": "OperatorClaims"}, "r", to_plain(request_))).name == "others"
    if lane == "hot" and not isinstance(request_, m.Get | m.Heartbeat):
        assert engine._lane_of((*asked, Sending(2, floor=2))).name == "others"
        assert engine._lane_of((*asked, Sending(2))).name == "hot"


def of_try(instance_id: int, number: int) -> Any:
    return ({"kind": "TryClaims", "instance_id": instance_id}, str(number), {"kind": "Increment"})


def test_a_try_that_asks_much_leaves_the_threads_to_others_and_is_answered_before_the_end() -> None:
    class Store(GatedStore):
        """Holds what the first try asks until the gate is open."""

        in_hand = 0
        most_in_hand = 0

        def handle_group(self, calls: Sequence[Any]) -> list[Any]:
            if calls[0][0]["instance_id"] == 1:
                self.in_hand += 1
                self.most_in_hand = max(self.most_in_hand, self.in_hand)
                self.gate.wait(60)
                self.in_hand -= 1
            return [{"number": call[1]} for call in calls]

    store = Store()

    async def scenario() -> None:
        engine = PostgresEngine(lambda: store)
        await engine.open()
        greedy = [asyncio.ensure_future(engine.answer(of_try(1, number))) for number in range(20)]
        others = await asyncio.gather(*(engine.answer(of_try(number, number)) for number in range(2, 30)))
        assert [reply["number"] for reply in others] == [str(number) for number in range(2, 30)]
        assert not any(one.done() for one in greedy)
        assert engine.waiting["others"] == 19  # the first is in hand
        closing = asyncio.ensure_future(engine.close())
        await asyncio.sleep(0)
        store.gate.set()
        assert [reply["number"] for reply in await asyncio.gather(*greedy)] == [str(n) for n in range(20)]
        await closing

    asyncio.run(scenario())
    assert store.most_in_hand == 1


def test_a_store_that_goes_away_and_comes_back_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    class Store(GatedStore):
        is_away = True

        def handle_group(self, calls: Sequence[Any]) -> list[Any]:
            return [{"kind": "Refusal", "code": "unavailable"} for _ in calls]

        def transact(self, operation: Any) -> Any:
            if not self.is_away:
                return "the id"
            self.is_away = False
            raise UnavailableError(what="the store", problem="nobody is there")

    async def scenario() -> None:
        engine = PostgresEngine(Store)
        await engine.open()
        await engine.answer(hot(1))
        for _ in range(3_000):
            if "is back" in caplog.text:
                break
            await asyncio.sleep(0.02)
        await engine.close()

    asyncio.run(scenario())
    assert ["is away: the store is unavailable: nobody" in caplog.text, "is back" in caplog.text] == [
        True,
        True,
    ]


def test_a_store_that_cannot_be_opened_is_refused_where_it_was_wanted(tmp_path: Path) -> None:
    def refuse() -> Any:
        raise StoreUnusableError(what="it", problem="is not there", remedy="make it")

    async def scenario() -> None:
        engine = SqliteEngine(refuse)
        with pytest.raises(StoreUnusableError, match="is not there"):
            await engine.open()
        await engine.close()

    asyncio.run(scenario())
