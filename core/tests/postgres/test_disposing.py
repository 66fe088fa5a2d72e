"""Naming an object and deleting it never both happen, whoever is quicker."""

import pytest
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m
from statekeep_core.metastore import objects

from core.tests.conftest import TASK, WORKER, Client
from core.tests.execution_api.conftest import OPERATOR
from core.tests.postgres.conftest import Stage

OBJECT = m.External("b/k", "bucket", "k~" + "A" * 26, TASK, 10, b"d" * 32)
FETCH = m.FetchDisposals(("bucket",))


def name(key: str = "k") -> m.Set:
    return m.Set(key, b"", external=OBJECT._replace(storage_key=f"{key}~" + "A" * 26))


def make_due(live: Client) -> None:
    live.store.transact(lambda work: work.tx.run("UPDATE external_objects SET due_at = 1 WHERE records = 0"))


def test_an_object_is_leased_to_one_worker(live: Client, stage: Stage) -> None:
    claims = live.start()
    for number in range(30):
        live.ask(claims, name(f"{number}"), f"id {number}")
    live.ask(claims, m.Clear())
    make_due(live)
    fetches = [stage.begin(live.ask, WORKER, FETCH._replace(limit=10)) for _ in range(6)]
    leased = [disposal.object_id for fetch in fetches for disposal in fetch.result().disposals]
    assert len(leased) == len(set(leased))
    rest = live.ask(WORKER, FETCH).disposals
    assert sorted([*leased, *(disposal.object_id for disposal in rest)]) == list(range(1, 31))


def test_an_object_that_is_being_named_is_not_leased(live: Client, stage: Stage) -> None:
    claims = live.start()
    live.ask(claims, name(), "first")
    live.ask(claims, m.Set("k", b"1"))
    make_due(live)
    with stage.holding("SELECT FROM task_entries FOR UPDATE"):
        naming = stage.begin(live.ask, claims, name(), "second")  # has looked at the object, and waits
        stage.until_waiting(1)
        assert live.ask(WORKER, FETCH).disposals == ()
    naming.result()
    assert live.rows("SELECT records, due_at, leased_until FROM external_objects") == [(1, None, None)]


def test_an_object_that_is_being_leased_is_not_named(live: Client, stage: Stage) -> None:
    claims = live.start()
    live.ask(claims, name(), "first")
    live.ask(claims, m.Set("k", b"1"))
    make_due(live)
    with stage.holding("SELECT FROM external_objects FOR UPDATE"):
        naming = stage.begin(live.ask, claims, name(), "second")
        stage.until_waiting(1)
        assert live.ask(WORKER, FETCH).disposals == ()  # somebody holds it
    naming.result()
    live.ask(claims, m.Set("k", b"1"))
    make_due(live)
    assert len(live.ask(WORKER, FETCH).disposals) == 1
    with pytest.raises(errors.CondemnedError):
        live.ask(claims, name(), "third")


def test_a_new_object_that_is_being_named_is_not_condemned(live: Client, stage: Stage) -> None:
    claims = live.start()
    live.ask(claims, m.Set("k", b"1"))
    with stage.holding("SELECT FROM task_entries FOR UPDATE"):
        naming = stage.begin(live.ask, claims, name(), "first")
        stage.until_waiting(1)
        condemning = stage.begin(live.ask, WORKER, m.Condemn((OBJECT.storage_key,)))
        stage.until_waiting(2)
        assert not condemning.done()
    naming.result()
    assert condemning.result() == m.Condemned(())


def test_an_object_that_is_being_condemned_is_not_named(live: Client, stage: Stage) -> None:
    claims = live.start()
    with stage.holding("LOCK TABLE condemned_objects IN EXCLUSIVE MODE"):
        condemning = stage.begin(live.ask, WORKER, m.Condemn((OBJECT.storage_key,)))
        stage.until_waiting(1)
        naming = stage.begin(live.ask, claims, name(), "first")
        stage.until_waiting(2)
    assert condemning.result() == m.Condemned((OBJECT.storage_key,))
    with pytest.raises(errors.CondemnedError):
        naming.result()


def test_what_two_tasks_drop_at_once_is_due_by_the_databases_clock(live: Client, stage: Stage) -> None:
    claims = [live.start(TASK._replace(map_index=index)) for index in range(4)]
    for index, one in enumerate(claims):
        external = OBJECT._replace(origin=TASK._replace(map_index=index), storage_key=f"k~{index}" + "A" * 25)
        live.ask(one, m.Set("k", b"", external=external), "first")
    clears = [stage.begin(live.ask, one, m.Clear()) for one in claims]
    for clear in clears:
        clear.result()
    [(now_us,)] = live.rows("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
    due = [row[0] for row in live.rows("SELECT due_at FROM external_objects")]
    assert len(due) == 4
    assert all(0 < now_us - (at - objects.DISPOSE_AFTER_US) < 60_000_000 for at in due)
    assert live.ask(OPERATOR, m.ListTries()).tries[0].status == "running"
