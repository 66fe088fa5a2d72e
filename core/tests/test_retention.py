"""The sweep: it removes what is gone already, in small batches, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
from statekeep_core import retention
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.messages import Swept
from statekeep_core.policy import Work

from core.tests.conftest import TASK, WORKER, Client, MovedClock, sqlite_only

DAY_SECONDS = 86_400
FLIGHTS = m.AssetAddress("flights")
OPERATOR = m.OperatorClaims("ann")


class CountedStore:
    """A store that counts transactions and can be interrupted before one."""

    def __init__(self, client: Client, stop_before: int | None = None) -> None:
        self._store = client.store
        self._stop_before = stop_before
        self.transactions = 0

    def transact(self, operation: Callable[[Work], Any]) -> Any:
        if self.transactions == self._stop_before:
            raise KeyboardInterrupt
        self.transactions += 1
        return self._store.transact(operation)


def fill(client: Client, claims: m.TryClaims, count: int, **options: Any) -> None:
    for start in range(0, count, 1_000):
        keys = range(start, min(start + 1_000, count))
        client.ask(claims, m.Batch(tuple(m.Set(f"{key:06}", b"1", **options) for key in keys)))


def rows_in(client: Client, table: str) -> int:
    [(count,)] = client.rows(f"SELECT count(*) FROM {table}")
    return int(count)


def sweep(client: Client) -> Swept:
    return retention.sweep(client.store)


def test_a_sweep_of_nothing_is_short(client: Client) -> None:
    fill(client, client.start(), 100)
    store = CountedStore(client)
    assert retention.sweep(store) == Swept()
    assert store.transactions == 1


def test_entries_go_when_their_own_retention_is_over(client: Client, clock: MovedClock) -> None:
    claims = client.start()
    fill(client, claims, 2_500, retention=10)
    client.ask(claims, m.Set("kept", b"1", retention=11))
    clock.wall_us += 9_999_999
    assert sweep(client) == Swept()
    clock.wall_us += 1
    assert sweep(client) == Swept(task_entries=2_500)
    assert rows_in(client, "task_entries") == 1


def test_entries_go_when_their_instances_default_is_over(client: Client, clock: MovedClock) -> None:
    done, failed, running = (client.start(TASK._replace(task_id=name)) for name in ("done", "failed", "runs"))
    for claims, count in ((done, 2_500), (failed, 10), (running, 10)):
        fill(client, claims, count)
        client.ask(claims, m.Set("for ever", b"1", retention="never"))
    client.ask(done, m.Finish(True))
    client.ask(failed, m.Finish(False))
    clock.advance(30 * DAY_SECONDS)
    assert sweep(client) == Swept(task_entries=2_500)
    clock.advance(335 * DAY_SECONDS - 1)
    assert sweep(client) == Swept()
    client.ask(running, m.Heartbeat())
    clock.advance(1)
    assert sweep(client) == Swept(task_entries=10)
    assert rows_in(client, "task_entries") == 13


def test_many_instances_are_walked_in_batches(client: Client, clock: MovedClock) -> None:
    tasks = [TASK._replace(map_index=index) for index in range(1_100)]
    client.ask_together(*[(OPERATOR, m.Set("k", b"1", task)) for task in tasks])
    client.ask(OPERATOR, m.Set("kept", b"1", TASK._replace(map_index=500), retention="never"))
    clock.advance(365 * DAY_SECONDS)
    assert sweep(client) == Swept(task_entries=1_100)
    assert rows_in(client, "task_entries") == 1


def test_a_batch_is_bounded_and_an_interrupted_sweep_goes_on(client: Client, clock: MovedClock) -> None:
    fill(client, client.start(), 3_500, retention=1)
    clock.advance(1)
    with pytest.raises(KeyboardInterrupt):
        retention.sweep(CountedStore(client, stop_before=2))
    assert rows_in(client, "task_entries") == 1_500
    assert sweep(client) == Swept(task_entries=1_500)


def test_a_swept_asset_entry_leaves_a_row_in_the_history(client: Client, clock: MovedClock) -> None:
    started = client.ask(WORKER, m.Start(TASK, outlets=(FLIGHTS,)))
    claims = m.TryClaims(started.instance_id, 1)
    asset_id = started.grants[0].asset_id
    version = client.ask(claims, m.Set("k", b"1", asset_id, retention=1, apply_now=True)).version
    client.ask(claims, m.Set("w", b"1", asset_id, apply_now=True))
    clock.advance(1)
    assert sweep(client) == Swept(asset_entries=1)
    swept, written = client.ask(OPERATOR, m.ListHistory(FLIGHTS, "k")).changes
    assert (swept.change, swept.value, swept.writer) == ("sweep", None, m.Writer("sweep"))
    assert swept.version > version == written.version
    assert [entry.key for entry in client.ask(OPERATOR, m.ListEntries(FLIGHTS)).entries] == ["w"]


def test_a_watermark_outlives_every_sweep(client: Client, clock: MovedClock) -> None:
    started = client.ask(WORKER, m.Start(TASK, outlets=(FLIGHTS,)))
    claims = m.TryClaims(started.instance_id, 1)
    client.ask(claims, m.Set("w", b"1", started.grants[0].asset_id))
    client.ask(claims, m.Finish(True))
    clock.advance(3_650 * DAY_SECONDS)
    assert sweep(client).asset_entries == 0
    assert client.ask(OPERATOR, m.Get("w", FLIGHTS)).value == b"1"


# --- orphans ---------------------------------------------------------------------------------------------


@pytest.fixture
def orphan(client: Client) -> int:
    """A deactivated asset with 1,200 entries."""
    started = client.ask(WORKER, m.Start(TASK, outlets=(FLIGHTS,)))
    claims = m.TryClaims(started.instance_id, 1)
    asset_id: int = started.grants[0].asset_id
    fill(client, claims, 1_200, target=asset_id, apply_now=True)
    client.ask(OPERATOR, m.Deactivate(FLIGHTS))
    return asset_id


def test_an_orphan_can_be_restored_until_its_grace_is_over(
    client: Client, orphan: int, clock: MovedClock
) -> None:
    clock.advance(30 * DAY_SECONDS - 1)
    assert sweep(client).asset_entries == 0
    client.ask(OPERATOR, m.Restore(FLIGHTS))
    clock.advance(DAY_SECONDS)
    assert sweep(client).asset_entries == 0
    assert rows_in(client, "asset_entries") == 1_200


def test_an_orphan_is_swept_after_its_grace(client: Client, orphan: int, clock: MovedClock) -> None:
    clock.advance(30 * DAY_SECONDS)
    assert sweep(client).asset_entries == 1_200
    assert rows_in(client, "asset_entries") == 0
    assert rows_in(client, "asset_history WHERE change = 'sweep'") == 1_200
    assert rows_in(client, "asset_history WHERE value IS NOT NULL") == 0
    with pytest.raises(errors.NotFoundError):
        client.ask(OPERATOR, m.Restore(FLIGHTS))
    assert sweep(client) == Swept()
    # The name is free: no state is left that anybody could want back.
    again = client.ask(WORKER, m.Start(TASK._replace(task_id="next"), outlets=(FLIGHTS,)))
    assert again.grants[0].asset_id != orphan


def test_no_grace_means_that_nobody_sweeps(make_client: Callable[..., Client], clock: MovedClock) -> None:
    client = make_client(orphan_grace_us=0)
    started = client.ask(WORKER, m.Start(TASK, outlets=(FLIGHTS,)))
    claims = m.TryClaims(started.instance_id, 1)
    client.ask(claims, m.Set("w", b"1", started.grants[0].asset_id, apply_now=True))
    client.ask(OPERATOR, m.Deactivate(FLIGHTS))
    clock.advance(10_000 * DAY_SECONDS)
    assert sweep(client).asset_entries == 0


# --- the request log -------------------------------------------------------------------------------------


def test_requests_are_remembered_for_a_day_after_their_try(client: Client, clock: MovedClock) -> None:
    claims = client.start()
    first = client.ask(claims, m.Increment("n", b"1"), "id-1")
    clock.advance(3 * DAY_SECONDS)
    client.ask(claims, m.Heartbeat())
    assert sweep(client).requests == 0
    client.ask(claims, m.Finish(True), "id-2")
    clock.advance(DAY_SECONDS - 1)
    assert sweep(client).requests == 0
    assert client.ask(claims, m.Increment("n", b"1"), "id-1") == first
    clock.advance(1)
    assert sweep(client).requests == 2
    with pytest.raises(errors.TryFinishedError):
        client.ask(claims, m.Increment("n", b"1"), "id-1")


def test_an_operators_requests_are_remembered_for_a_day(client: Client, clock: MovedClock) -> None:
    client.ask(OPERATOR, m.Increment("n", b"1", TASK), "id-1")
    clock.advance(DAY_SECONDS - 1)
    assert sweep(client).requests == 0
    clock.advance(1)
    assert sweep(client).requests == 1


def test_a_long_log_of_a_running_try_hides_nothing_behind_it(client: Client, clock: MovedClock) -> None:
    claims = client.start()
    client.ask_together(*[(claims, m.Increment("n", b"1"), f"id-{n}") for n in range(1_500)])
    clock.advance(1)
    client.ask(OPERATOR, m.Increment("n", b"1", TASK._replace(task_id="other")), "id")
    clock.advance(2 * DAY_SECONDS)
    client.ask(claims, m.Heartbeat())
    assert sweep(client).requests == 1
    assert rows_in(client, "request_log") == 1_500


def entries_on_disk(client: Client) -> int:
    [(count,)] = client.store.transact(lambda work: work.tx.rows("SELECT count(*) FROM task_entries"))
    return int(count)


@sqlite_only
def test_a_store_sweeps_itself_once_a_day_when_it_is_closed(
    make_client: Callable[..., Client], clock: MovedClock
) -> None:
    client = make_client()
    make_client().store.close()  # the first sweep of a new store
    claims = client.start()
    fill(client, claims, 10, retention=60)
    clock.advance(3_600)
    make_client().store.close()
    assert entries_on_disk(client) == 10
    clock.advance(DAY_SECONDS)
    make_client().store.close()
    assert entries_on_disk(client) == 0


@sqlite_only
def test_a_clock_that_was_set_back_does_not_put_the_sweep_off(
    make_client: Callable[..., Client], clock: MovedClock
) -> None:
    client = make_client()
    make_client().store.close()
    clock.wall_us -= 400 * DAY_SECONDS * 1_000_000
    fill(client, client.start(), 10, retention=60)
    clock.advance(61)
    make_client().store.close()
    assert entries_on_disk(client) == 0


def test_a_sweep_that_has_had_enough_is_still_due(client: Client, clock: MovedClock) -> None:
    fill(client, client.start(), 10, retention=60)
    clock.advance(DAY_SECONDS)
    assert retention.sweep(client.store, is_enough=lambda: True) == Swept()
    assert client.store.transact(lambda work: retention.is_sweep_due(work.tx))


# --- its steps -------------------------------------------------------------------------------------------


def in_steps(client: Client, room: int, *, dry_run: bool) -> list[Swept]:
    """Return what each step of a sweep answered."""
    steps: list[Swept] = []
    while not steps or steps[-1].cursor is not None:
        cursor = steps[-1].cursor if steps else None
        steps.append(
            client.store.transact(
                lambda work: retention.sweep_step(work, cursor, dry_run=dry_run, room=room)  # noqa: B023
            )
        )
    return steps


def total(steps: list[Swept]) -> Swept:
    return Swept(*(sum(step[place] for step in steps) for place in range(3)))


def fill_with_leftovers(client: Client, clock: MovedClock) -> Swept:
    """Fill the store with leftovers of each kind among what is kept; return how much is to go in 40 days."""
    outlets = tuple(m.AssetAddress(name) for name in "abc")
    started = client.ask(WORKER, m.Start(TASK, outlets=outlets))
    claims = m.TryClaims(started.instance_id, 1)
    fill(client, claims, 23, retention=10)
    client.ask(claims, m.Batch(tuple(m.Set(f"kept {key}", b"1", retention="never") for key in range(5))))
    client.ask(claims, m.Batch(tuple(m.Set(f"x {key}", b"1") for key in range(7))))
    for grant in started.grants:
        fill(client, claims, 9, target=grant.asset_id, apply_now=True)
        fill(client, claims, 4, target=grant.asset_id, apply_now=True, retention=10)
    client.ask(claims, m.Finish(True), "id")
    client.ask_together(*[(OPERATOR, m.Increment("n", b"1", TASK), f"id {n}") for n in range(11)])
    client.ask_together(
        *[(OPERATOR, m.Set(key, b"1", TASK._replace(map_index=n))) for n in range(6) for key in "ab"]
    )
    for outlet in outlets[:2]:
        client.ask(OPERATOR, m.Deactivate(outlet))
        clock.advance(1)
    clock.advance(39 * DAY_SECONDS)
    live = client.start(TASK._replace(task_id="live"))
    fill(client, live, 8)
    client.ask(live, m.Set("too young", b"1", retention=10 * DAY_SECONDS), "young")
    clock.advance(DAY_SECONDS - 1)
    # Of each asset the 4 that expired, and of the two without an owner the other 5.
    return Swept(task_entries=23 + 7 + 1, asset_entries=3 * 4 + 2 * 5, requests=12)


@pytest.mark.parametrize("room", [1, 2, 3, 7, 50, 1_000])
def test_a_dry_run_counts_what_a_sweep_removes(client: Client, clock: MovedClock, room: int) -> None:
    expected = fill_with_leftovers(client, clock)
    before = dump(client)
    for _ in range(2):
        assert total(in_steps(client, room, dry_run=True)) == expected
        assert dump(client) == before
    steps = in_steps(client, room, dry_run=False)
    assert total(steps) == expected
    assert max(sum(step[:3]) for step in steps) <= room
    assert total(in_steps(client, room, dry_run=False)) == Swept()
    assert sorted(entry.key for entry in client.ask(OPERATOR, m.ListEntries(TASK)).entries) == [
        f"kept {key}" for key in range(5)
    ]


def dump(client: Client) -> list[Any]:
    tables = ("task_entries", "asset_entries", "asset_history", "request_log", "assets", "store")
    return [client.rows(f"SELECT * FROM {table}") for table in tables]


def test_a_sweep_in_steps_is_noted_at_its_end(client: Client, clock: MovedClock) -> None:
    fill(client, client.start(), 1_500, retention=1)
    clock.advance(DAY_SECONDS)

    def is_due() -> Any:
        return client.store.transact(lambda work: retention.is_sweep_due(work.tx))

    first = client.ask(WORKER, m.SweepStep())
    assert (first.task_entries, is_due()) == (1_000, True)
    counted = client.ask(WORKER, m.SweepStep(first.cursor, dry_run=True))
    assert (counted.cursor, counted.task_entries, is_due()) == (None, 500, True)
    second = client.ask(WORKER, m.SweepStep(first.cursor))
    assert (second, is_due()) == (counted, False)


def test_a_step_that_is_repeated_goes_on(client: Client, clock: MovedClock) -> None:
    fill(client, client.start(), 2_500, retention=1)
    clock.advance(1)
    step = client.ask(WORKER, m.SweepStep(), "id")
    lost = client.ask(WORKER, m.SweepStep(step.cursor), "id 2")
    again = client.ask(WORKER, m.SweepStep(step.cursor), "id 2")
    assert (lost.task_entries, again.task_entries, again.cursor) == (1_000, 500, None)
    assert rows_in(client, "task_entries") == 0


def test_what_stays_is_looked_at_once(client: Client, clock: MovedClock) -> None:
    claims = client.start()
    fill(client, claims, 3_000, retention="never")
    client.ask(claims, m.Set("x", b"1"))
    client.ask(claims, m.Finish(True))
    clock.advance(31 * DAY_SECONDS)
    store = CountedStore(client)
    assert retention.sweep(store) == Swept(task_entries=1)
    assert store.transactions == 4
