"""A sweep waits for nobody: what is in use is left for the next one, and nobody's new value is removed."""

from typing import Any

import pytest
from statekeep_core import retention
from statekeep_core._shared.state import messages as m
from statekeep_core.policy import Policy
from statekeep_core.postgres.row_locks import RowLocks
from statekeep_core.postgres.store import PostgresStore

from core.tests.conftest import TASK, Client
from core.tests.execution_api.conftest import FLIGHTS, OPERATOR, LiveTry
from core.tests.postgres.conftest import Stage

LONG_AGO = "UPDATE {} SET expires_at = 1 WHERE expires_at IS NOT NULL"


def let_expire(live: Client, table: str) -> None:
    live.store.transact(lambda work: work.tx.run(LONG_AGO.format(table)))


def sweep(live: Client) -> Any:
    return retention.sweep(live.store)


def test_expired_entries_go_but_those_that_somebody_holds(live: Client, stage: Stage) -> None:
    claims = live.start()
    live.ask_together(*[(claims, m.Set(f"{number}", b"1", retention=60)) for number in range(5)])
    let_expire(live, "task_entries")
    with stage.holding("SELECT FROM task_entries WHERE key = '2' FOR UPDATE"):
        assert sweep(live).task_entries == 4
    assert sweep(live).task_entries == 1


def test_expired_asset_entries_go_unless_somebody_writes_the_asset(live: Client, stage: Stage) -> None:
    one = LiveTry(live)
    one.ask(m.Set("k", b"1", one.outlet, retention=60, apply_now=True))
    let_expire(live, "asset_entries")
    with stage.holding("SELECT FROM assets FOR UPDATE"):
        assert sweep(live).asset_entries == 0
    assert sweep(live).asset_entries == 1
    assert [change.change for change in live.ask(OPERATOR, m.ListHistory(FLIGHTS)).changes] == [
        "sweep",
        "set",
    ]


def test_what_is_kept_by_default_goes_unless_somebody_starts_a_try(
    postgres_store_url: str, live: Client, stage: Stage
) -> None:
    claims = live.start()
    live.ask(claims, m.Set("k", b"1"))
    live.ask(claims, m.Finish(succeeded=True))
    impatient = PostgresStore(postgres_store_url, Policy(default_retention_us=1), None, connections=1)
    with stage.holding("SELECT FROM task_instances FOR UPDATE"):
        assert sweep(Client(impatient)).task_entries == 0
    assert sweep(Client(impatient)).task_entries == 1
    impatient.close()


def test_what_a_rerun_keeps_stays_when_it_starts_as_the_sweep_comes_to_it(
    postgres_store_url: str, live: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = live.start()
    live.ask(claims, m.Set("k", b"1"))
    live.ask(claims, m.Finish(succeeded=True))
    seize = RowLocks.seize_instance

    def after_a_rerun(locks: RowLocks, instance_id: int) -> bool:
        live.start(rerun=True)
        return seize(locks, instance_id)

    monkeypatch.setattr(RowLocks, "seize_instance", after_a_rerun)
    impatient = PostgresStore(postgres_store_url, Policy(default_retention_us=1), None, connections=1)
    assert sweep(Client(impatient)).task_entries == 0
    impatient.close()


def test_a_dry_run_holds_nothing_and_waits_for_nobody(live: Client, stage: Stage) -> None:
    claims = live.start(TASK)
    live.ask(claims, m.Set("k", b"1", retention=60))
    let_expire(live, "task_entries")
    with stage.holding("SELECT FROM task_entries FOR UPDATE"):
        assert live.ask(OPERATOR, m.SweepStep(dry_run=True)).task_entries == 1


def test_a_sweep_beside_writers_takes_nothing_of_theirs(
    live: Client, stage: Stage, store: PostgresStore
) -> None:
    tries = [LiveTry(live, TASK._replace(map_index=index)) for index in range(4)]

    def write(one: LiveTry, number: int) -> None:
        one.ask(m.Set(f"{number}", b"1", retention=0.001))
        one.ask(m.Set("kept", f"{number}".encode()))
        one.ask(m.Set(f"{number}", b"1", one.outlet, retention=0.001, apply_now=True))

    writes = [stage.begin(write, one, number) for number in range(15) for one in tries]
    while not all(each.done() for each in writes):
        sweep(live)
    for each in writes:
        each.result()
    sweep(live)
    assert live.rows("SELECT DISTINCT key FROM task_entries") == [("kept",)]
    assert live.rows("SELECT 1 FROM asset_entries") == []
    assert store.repeated == 0
