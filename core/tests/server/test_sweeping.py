"""The sweep of a served store, on either engine: when it is due, by one server, in small steps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from statekeep_core._shared.state import messages as m
from statekeep_core.metastore import leases
from statekeep_core.server.sqlite_engine import SqliteEngine
from statekeep_core.server.sweeping import LEASE, Sweeper

from core.tests.conftest import Client, MovedClock

EVERY_SECONDS = 3_600.0


@pytest.fixture
def client(make_client: Callable[..., Client], clock: MovedClock) -> Client:
    """A store with 450 entries that have expired, swept at the beginning of its time."""
    client = make_client()
    claims = client.start()
    for number in range(450):
        client.ask(claims, m.Set(f"{number}", b"1", retention=1.0))
    clock.advance(60)
    return client


class Counting:
    """The store of a client, whose transactions are counted; the engine may not close it."""

    def __init__(self, client: Client) -> None:
        self._store = client.store
        self.policy = client.store.policy
        self.left: list[int] = []

    def handle_group(self, calls: Any) -> Any:
        return self._store.handle_group(calls)

    def transact(self, operation: Any) -> Any:
        result = self._store.transact(operation)
        self.left.append(entries(self._store))
        return result

    def close(self) -> None:
        pass


def entries(store: Any) -> int:
    count: int = store.transact(lambda work: work.tx.rows("SELECT count(*) FROM task_entries")[0][0])
    return count


def swept(client: Client, times: int = 1) -> list[int]:
    """Run the sweeper, and return how many entries were left after each of its transactions."""
    counting = Counting(client)

    async def scenario() -> None:
        engine = SqliteEngine(lambda: counting)
        await engine.open()
        sweeper = Sweeper(engine, EVERY_SECONDS)
        for _ in range(times):
            await sweeper.sweep()
        await engine.close()

    asyncio.run(scenario())
    return counting.left


@pytest.fixture
def hold(client: Client) -> Callable[[str], bool]:
    return lambda holder: client.store.transact(lambda work: leases.take(work.tx, LEASE, holder, 30))


def test_a_due_sweep_goes_in_steps_and_leaves_its_lease(client: Client, hold: Callable[[str], bool]) -> None:
    left = swept(client)
    assert left[0] == 250
    assert left[-1] == 0
    assert hold("another")


def test_a_sweep_that_has_just_been_is_not_repeated_before_its_time(
    client: Client, clock: MovedClock
) -> None:
    swept(client, times=2)
    swept_at = client.rows("SELECT swept_at FROM store")
    clock.advance(EVERY_SECONDS - 1)
    swept(client)
    assert client.rows("SELECT swept_at FROM store") == swept_at
    clock.advance(1)
    swept(client)
    assert client.rows("SELECT swept_at FROM store") == [(clock.wall_us,)]


def test_while_another_server_sweeps_this_one_does_not(
    client: Client, clock: MovedClock, hold: Callable[[str], bool]
) -> None:
    assert hold("another")
    assert swept(client) == [450]
    clock.advance(29)
    assert swept(client) == [450]
    clock.advance(1)  # it was killed
    assert swept(client)[-1] == 0


def test_a_server_that_lost_its_lease_stops_sweeping(
    client: Client, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was stopped between two of its steps, and another one has begun meanwhile."""
    transact = Counting.transact

    def stopped_after_one(self: Counting, operation: Any) -> Any:
        result = transact(self, operation)
        clock.advance(31)
        assert client.store.transact(lambda work: leases.take(work.tx, LEASE, "another", 1_000))
        return result

    monkeypatch.setattr(Counting, "transact", stopped_after_one)
    assert swept(client) == [250, 250]
