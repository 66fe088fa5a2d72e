"""What a batch reads is one cut, whoever commits while it is on its way."""

from collections.abc import Callable
from typing import Any

import pytest
from statekeep_core._shared.state import messages as m

from core.tests.conftest import TASK, WORKER, Client
from core.tests.execution_api.conftest import OPERATOR
from core.tests.postgres.conftest import Stage

OTHER = TASK._replace(task_id="other")
A, B = m.AssetAddress("a"), m.AssetAddress("b")


@pytest.fixture
def ids(live: Client) -> list[int]:
    """The numbers of two assets that stand at 1, as those do of a task that is not the batch's."""
    started = live.ask(WORKER, m.Start(OTHER, outlets=(A, B)))
    claims = m.TryClaims(started.instance_id, started.try_number)
    for target in [None, *(grant.asset_id for grant in started.grants)]:
        live.ask(claims, m.Set("k", b"1", target, apply_now=target is not None), f"{target}")
    return [grant.asset_id for grant in started.grants]


def values(done: m.BatchDone) -> list[bytes]:
    return [reply.value for reply in done.replies if isinstance(reply, m.Entry) and reply.key == "k"]


Pair = Callable[[list[int]], tuple[Any, ...]]
OF_A_TRY: list[Pair] = [
    lambda ids: (m.Get("k", ids[0]), m.Get("k", ids[1])),
    lambda ids: (m.Get("k", ids[1]), m.Get("k", ids[0])),
    lambda ids: (m.Get("k", ids[0]), m.Increment("k", b"0", ids[1])),
    lambda ids: (m.Increment("k", b"0", ids[0]), m.Get("k", ids[1])),
]


@pytest.mark.parametrize("pair", OF_A_TRY)
def test_the_steps_of_a_trys_batch_see_one_state_of_all_assets(
    live: Client, stage: Stage, ids: list[int], pair: Pair
) -> None:
    started = live.ask(WORKER, m.Start(TASK, outlets=(A, B)))
    claims = m.TryClaims(started.instance_id, started.try_number)
    live.ask(claims, m.Set("between", b"1"))
    first, second = pair(ids)
    batch = m.Batch((first, m.Set("between", b"2"), second))
    with stage.holding("SELECT FROM task_entries WHERE key = 'between' FOR UPDATE"):
        reading = stage.begin(live.ask, claims, batch, "r")
        stage.until_waiting(1)  # between its two reads
        writes = m.Batch((m.Set("k", b"2", A), m.Set("k", b"2", B)))
        writing = stage.begin(live.ask, OPERATOR, writes, "w")
        stage.until_waiting(2)
        assert not writing.done()
    assert values(reading.result()) == [b"1", b"1"]
    writing.result()


@pytest.mark.parametrize(
    "pair",
    [(m.Get("k", A), m.Get("k", B)), (m.Get("k", OTHER), m.Get("k", B)), (m.Get("k", B), m.Get("k", OTHER))],
    ids=repr,
)
def test_the_steps_of_an_operators_batch_see_one_state_of_all_tasks_and_assets(
    live: Client, stage: Stage, ids: list[int], pair: tuple[Any, Any]
) -> None:
    live.ask(OPERATOR, m.Set("between", b"1", TASK))
    batch = m.Batch((pair[0], m.Set("between", b"2", TASK), pair[1]))
    with stage.holding("SELECT FROM task_entries WHERE key = 'between' FOR UPDATE"):
        reading = stage.begin(live.ask, OPERATOR, batch, "r")
        stage.until_waiting(1)
        writes = m.Batch(tuple(m.Set("k", b"2", each.target) for each in pair))
        writing = stage.begin(live.ask, OPERATOR, writes, "w")
        stage.until_waiting(2)
        assert not writing.done()
    assert values(reading.result()) == [b"1", b"1"]
    writing.result()


def test_a_batch_that_only_reads_has_one_snapshot_and_keeps_nobody_waiting(
    live: Client, stage: Stage, ids: list[int]
) -> None:
    started = live.ask(WORKER, m.Start(TASK, outlets=(A, B)))
    claims = m.TryClaims(started.instance_id, started.try_number)
    batch = m.Batch((m.Get("k", ids[0]), m.Get("own"), m.Get("k", ids[1])))
    with stage.holding("LOCK TABLE task_entries IN ACCESS EXCLUSIVE MODE"):
        reading = stage.begin(live.ask, claims, batch, "r")
        stage.until_waiting(1)
        live.ask(OPERATOR, m.Batch((m.Set("k", b"2", A), m.Set("k", b"2", B))), "w")
    assert values(reading.result()) == [b"1", b"1"]
    assert values(live.ask(claims, batch, "r")) == [b"2", b"2"]  # a read like any other, and not recorded


def test_a_batch_that_only_stages_waits_for_nobody(live: Client, stage: Stage, ids: list[int]) -> None:
    started = live.ask(WORKER, m.Start(TASK, outlets=(A, B)))
    claims = m.TryClaims(started.instance_id, started.try_number)
    with stage.holding("SELECT FROM assets FOR NO KEY UPDATE"):
        live.ask(claims, m.Batch(tuple(m.Set("k", b"2", each) for each in ids)), "r")
