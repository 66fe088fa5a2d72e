"""Who comes first when requests meet in the database: nothing of a try is written once another has begun."""

from typing import Any

import pytest
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.sendings import Sending
from statekeep_core.postgres.store import PostgresStore

from core.tests.conftest import TASK, WORKER, Client
from core.tests.execution_api.conftest import FLIGHTS, OPERATOR, LiveTry
from core.tests.postgres.conftest import Stage

HOLD_ENTRIES = "SELECT FROM task_entries FOR UPDATE"
AGAIN = m.Start(TASK, holds_lock=True)


@pytest.mark.parametrize("write", [m.Set("k", b"2"), m.Set("k", b"2", if_version=1), m.Delete("k")])
def test_a_superseded_trys_write_is_never_committed_after_its_successor_has_read(
    live: Client, stage: Stage, write: Any
) -> None:
    """Under READ COMMITTED a check that is a look only would let the start through, then the write."""
    old = live.start()
    live.ask(old, m.Set("k", b"1"))
    with stage.holding(HOLD_ENTRIES):
        writing = stage.begin(live.ask, old, write)  # is past the fence, and waits for the row
        stage.until_waiting(1)
        starting = stage.begin(live.ask, WORKER, AGAIN)
        stage.until_waiting(2)
        assert not starting.done()
    writing.result()
    started = starting.result()
    seen = live.ask(m.TryClaims(started.instance_id, started.try_number), m.Get("k"))
    assert seen == m.Absent("k") if isinstance(write, m.Delete) else seen.value == b"2"
    with pytest.raises(errors.SupersededError):
        live.ask(old, m.Set("k", b"3"))


def test_a_write_that_waited_for_a_start_is_superseded(live: Client, stage: Stage) -> None:
    old = live.start()
    live.ask(old, m.Set("k", b"1"))
    with stage.holding(f"SELECT FROM tries WHERE try_number = {old.try_number} FOR UPDATE"):
        starting = stage.begin(live.ask, WORKER, AGAIN)
        stage.until_waiting(1)
        writing = stage.begin(live.ask, old, m.Set("k", b"2"))
        stage.until_waiting(2)
    started = starting.result()
    with pytest.raises(errors.SupersededError):
        writing.result()
    assert live.ask(m.TryClaims(started.instance_id, started.try_number), m.Get("k")).value == b"1"


@pytest.mark.parametrize(
    "late",
    [
        m.Set("k", b'"late"'),
        m.Delete("k"),
        m.Set("new", b'"late"', if_absent=True),
        m.Set("n", b'"late"', if_version=1),
        m.Increment("n", b"1"),
        m.Set("k", b'"late"', 1),
    ],
    ids=repr,
)
def test_a_write_that_waited_while_its_try_gave_it_up_changes_nothing(
    live: Client, stage: Stage, late: Any
) -> None:
    """It began before the floor was raised and goes by the row that it has locked, not by the one it saw."""
    claims = live.start(outlets=(FLIGHTS,))
    assert live.ask(claims, m.Set("n", b"1")).version == 1
    live.ask(claims, m.Set("k", b"0"))
    with stage.holding("SELECT FROM tries FOR UPDATE"):
        repeating = stage.begin(live.send, claims, m.Set("k", b"1"), Sending(8, floor=8))
        stage.until_waiting(1)
        overtaken = stage.begin(live.send, claims, late, Sending(7), "late")
        stage.until_waiting(2)
    version = repeating.result().version
    with pytest.raises(errors.OvertakenError):
        overtaken.result()
    found = live.ask(claims, m.ListEntries()).entries
    assert [(entry.key, entry.version) for entry in found] == [("k", version), ("n", 1)]
    assert live.ask(claims, m.Get("k", 1)) == m.Absent("k")


def test_a_write_that_waited_for_the_end_of_its_try_is_refused(live: Client, stage: Stage) -> None:
    claims = live.start()
    live.ask(claims, m.Set("k", b"1"))
    with stage.holding("SELECT FROM task_instances FOR UPDATE"):
        finishing = stage.begin(live.ask, claims, m.Finish(succeeded=True))
        stage.until_waiting(1)
        live.ask(claims, m.Set("k", b"2"))  # came before the finish has its try
    finishing.result()
    with pytest.raises(errors.TryFinishedError):
        live.ask(claims, m.Set("k", b"3"))
    assert live.ask(OPERATOR, m.Get("k", TASK)).value == b"2"


def test_a_finish_waits_for_a_write_and_then_refuses_the_next(live: Client, stage: Stage) -> None:
    claims = live.start()
    live.ask(claims, m.Set("k", b"1"))
    with stage.holding(HOLD_ENTRIES):
        writing = stage.begin(live.ask, claims, m.Set("k", b"2"))
        stage.until_waiting(1)
        finishing = stage.begin(live.ask, claims, m.Finish(succeeded=True))
        stage.until_waiting(2)
        assert not finishing.done()
    assert (writing.result().version, finishing.result().status) == (2, "succeeded")
    with pytest.raises(errors.TryFinishedError):
        live.ask(claims, m.Set("k", b"3"))


@pytest.mark.parametrize("is_new", [True, False])
def test_of_several_starts_at_once_one_begins_a_try(live: Client, stage: Stage, is_new: bool) -> None:
    if not is_new:
        live.ask(live.start(), m.Finish(succeeded=False))
    starts = [stage.begin(live.ask, WORKER, m.Start(TASK, outlets=(FLIGHTS,))) for _ in range(8)]
    outcomes = [start.exception() or start.result() for start in starts]
    began = [outcome for outcome in outcomes if isinstance(outcome, m.Started)]
    assert [one.try_number for one in began] == [1 if is_new else 2]
    assert all(isinstance(outcome, errors.TryRunningError) for outcome in outcomes if outcome is not began[0])
    assert len(live.rows("SELECT 1 FROM task_instances")) == len(live.rows("SELECT 1 FROM assets")) == 1


def test_two_starts_of_two_tasks_make_an_asset_once(live: Client, stage: Stage) -> None:
    tasks = [TASK._replace(map_index=index) for index in range(8)]
    assets = (m.AssetAddress("a"), m.AssetAddress("b"), m.AssetAddress("c"))
    starts = [
        stage.begin(live.ask, WORKER, m.Start(task, outlets=assets if index % 2 else assets[::-1]))
        for index, task in enumerate(tasks)
    ]
    grants = {start.result().grants for start in starts}
    assert len(grants) == 1
    assert len(live.rows("SELECT 1 FROM assets")) == 3


def test_of_several_finishes_at_once_each_is_answered_alike(live: Client, stage: Stage) -> None:
    one = LiveTry(live)
    one.ask(m.Increment("n", b"1", one.outlet))
    finishes = [stage.begin(live.ask, one.claims, m.Finish(succeeded=True)) for _ in range(6)]
    assert {finish.result() for finish in finishes} == {m.Finished("succeeded", 1)}
    assert live.ask(OPERATOR, m.Get("n", FLIGHTS)).value == b"1"


def test_a_repeated_request_that_meets_the_first_one_is_answered_alike(live: Client, stage: Stage) -> None:
    claims = live.start()
    version = live.ask(claims, m.Set("k", b"0")).version
    request = m.Set("k", b"1", if_version=version)
    with stage.holding(HOLD_ENTRIES):
        first = stage.begin(live.ask, claims, request, "the same id")
        stage.until_waiting(1)
        second = stage.begin(live.ask, claims, request, "the same id")
        stage.until_waiting(2)
    assert first.result() == second.result() == m.Written(version + 1)


def test_of_conditional_writes_at_once_one_is_applied(live: Client, stage: Stage) -> None:
    claims = live.start()
    version = live.ask(claims, m.Set("k", b"0")).version
    writes = [
        stage.begin(live.ask, claims, m.Set("k", f"{number}".encode(), if_version=version), f"id {number}")
        for number in range(8)
    ]
    failures = [write.exception() for write in writes]
    [winner] = [write.result() for write, failure in zip(writes, failures, strict=True) if failure is None]
    assert all(isinstance(failure, errors.ConflictError) for failure in failures if failure is not None)
    assert live.ask(claims, m.Get("k")).version == winner.version


def test_no_increment_of_several_at_once_is_lost(live: Client, stage: Stage, store: PostgresStore) -> None:
    one = LiveTry(live)
    others = [LiveTry(live, TASK._replace(map_index=index)) for index in range(3)]
    asked = [
        stage.begin(live.ask, each.claims, m.Increment("n", b"1", one.outlet, apply_now=True), f"{number}")
        for each in [one, *others]
        for number in range(10)
    ]
    versions = sorted((int(each.result().value), each.result().version) for each in asked)
    assert [value for value, _ in versions] == list(range(1, 41))
    assert [version for _, version in versions] == sorted(version for _, version in versions)
    assert store.repeated == 0


def test_a_write_that_waited_for_its_assets_end_is_refused(live: Client, stage: Stage) -> None:
    one = LiveTry(live)
    with stage.holding("SELECT FROM assets FOR UPDATE"):
        ending = stage.begin(live.ask, OPERATOR, m.Deactivate(FLIGHTS))
        stage.until_waiting(1)
        writing = stage.begin(live.ask, one.claims, m.Set("k", b"1", one.outlet, apply_now=True))
        stage.until_waiting(2)
    ending.result()
    with pytest.raises(errors.AssetInactiveError):
        writing.result()


def test_an_assets_end_waits_for_a_write(live: Client, stage: Stage) -> None:
    one = LiveTry(live)
    live.ask(one.claims, m.Set("k", b"1", one.outlet, apply_now=True))
    with stage.holding("SELECT FROM asset_entries FOR UPDATE"):
        writing = stage.begin(live.ask, one.claims, m.Set("k", b"2", one.outlet, apply_now=True))
        stage.until_waiting(1)
        ending = stage.begin(live.ask, OPERATOR, m.Deactivate(FLIGHTS))
        stage.until_waiting(2)
        assert not ending.done()
    assert writing.result().version == 2
    ending.result()


def test_batches_over_the_same_assets_in_any_order_do_not_wait_for_each_other(
    live: Client, stage: Stage, store: PostgresStore
) -> None:
    names = [m.AssetAddress(name) for name in "abcd"]
    tries = []
    for index in range(4):
        started = live.ask(WORKER, m.Start(TASK._replace(map_index=index), outlets=tuple(names)))
        tries.append((started, [grant.asset_id for grant in started.grants]))
    asked = []
    for number in range(40):
        started, ids = tries[number % 4]
        order = ids if number % 3 else ids[::-1]
        batch = m.Batch(tuple(m.Increment("n", b"1", asset_id, apply_now=True) for asset_id in order))
        claims = m.TryClaims(started.instance_id, started.try_number)
        asked.append(stage.begin(live.ask, claims, batch, f"id {number}"))
    for each in asked:
        each.result()
    assert [live.ask(OPERATOR, m.Get("n", name)).value for name in names] == [b"40"] * 4
    assert store.repeated == 0
