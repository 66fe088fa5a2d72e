"""A database that is looked after by hand: examined beside writers, renewed after them."""

import pytest
from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.errors import StatekeepError
from statekeep_core.postgres.upkeep import examine, renew_id

from core.tests.conftest import Client
from core.tests.postgres.conftest import Stage

OBJECT = (
    "INSERT INTO external_objects (backend_id, storage_key, reference, origin, size_bytes, digest, due_at)"
    " VALUES ('b', 'k', 'r', '[]', 1, 'd', 0)"
)


def test_a_store_that_is_written_is_examined_without_waiting(
    live: Client, stage: Stage, postgres_store_url: str
) -> None:
    live.ask(live.start(), m.Set("k", b"1"))
    with stage.holding("UPDATE task_entries SET value = '2'; UPDATE tries SET status = 'failed'"):
        examined = examine(postgres_store_url)
    assert (examined.faults, examined.former_ids) == ((), ())
    assert [(examined.store_id,)] == live.rows("SELECT store_id FROM store")


@pytest.mark.parametrize("held", ["SELECT FROM tries FOR NO KEY UPDATE", OBJECT], ids=["try", "object"])
def test_a_renewal_waits_for_whoever_writes_for_a_try_or_names_an_object(
    live: Client, stage: Stage, postgres_store_url: str, held: str
) -> None:
    live.ask(live.start(), m.Finish(succeeded=True))
    with stage.holding(held):
        renewing = stage.begin(renew_id, postgres_store_url)
        stage.until_waiting(1)
    renewed = renewing.result()
    assert [(renewed.store_id,)] == live.rows("SELECT store_id FROM store")


def test_a_try_that_ran_is_over_and_the_next_one_writes_under_the_new_id(
    live: Client, postgres_store_url: str
) -> None:
    claims = live.start()
    renewed = renew_id(postgres_store_url)
    assert renewed.ended_tries == 1
    for request in (m.Set("k", b"1"), m.Get("k"), m.Heartbeat(), m.Finish(succeeded=True)):
        with pytest.raises(StatekeepError, match="restored or copied"):
            live.ask(claims, request)
    started = live.ask(m.WorkerClaims("here"), m.Start(m.TaskAddress("flights", "2013", "load")))
    assert (started.try_number, started.store_id) == (2, renewed.store_id)
