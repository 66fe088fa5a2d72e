"""What a transaction took the last name of is settled by its number, whatever others have left."""

import psycopg
import pytest
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m

from core.tests.conftest import TASK, Client

_OBJECT = (
    "INSERT INTO external_objects (backend_id, storage_key, reference, origin, size_bytes, digest, due_at)"
    " VALUES ('bucket', 'of-nobody', 'r', '[]', 1, 'd', 0)"
)


def name(key: str) -> m.Set:
    return m.Set(
        key, b"", external=m.External(f"b/{key}", "bucket", f"{key}~{'A' * 26}", TASK, 10, b"d" * 32)
    )


def unsettled(live: Client) -> int:
    [(count,)] = live.rows("SELECT count(*) FROM external_objects WHERE due_at = 0")
    return int(count)


@pytest.mark.parametrize("objects", [1, 40, 3_000])
def test_all_that_one_clear_takes_the_names_of_falls_due(live: Client, objects: int) -> None:
    """Up to some number they are noted one by one; beyond it, that there are many."""
    claims = live.start()
    live.ask(claims, name("first"), "id")
    live.store.transact(
        lambda work: work.tx.run(
            "INSERT INTO external_objects (backend_id, storage_key, reference, origin, size_bytes, digest)"
            " SELECT 'bucket', 'k~' || n, 'r', origin, 10, digest FROM external_objects,"
            f" generate_series(2, {objects}) AS numbers(n)"
        )
    )
    live.store.transact(
        lambda work: work.tx.run(
            "INSERT INTO task_entries (instance_id, key, value, version, updated_at, keeps_default,"
            " writer_principal, object_id)"
            " SELECT e.instance_id, 'k' || o.object_id, '', 1, 0, 1, 'p', o.object_id"
            " FROM task_entries e, external_objects o WHERE o.object_id > 1"
        )
    )
    live.ask(claims, m.Clear())
    assert live.rows("SELECT count(*), count(due_at), max(records) FROM external_objects") == [
        (objects, objects, 0)
    ]
    assert unsettled(live) == 0


def test_what_another_transaction_left_is_not_looked_for(live: Client, postgres_store_url: str) -> None:
    """There is no such row but by hand; the many that were there, and are dead, lie in the same index."""
    with psycopg.connect(postgres_store_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # no trigger notes it
        connection.execute(_OBJECT)
    claims = live.start()
    live.ask(claims, name("k"), "id")
    live.ask(claims, m.Set("k", b"1"))
    assert unsettled(live) == 1
    assert live.rows("SELECT due_at > 0 FROM external_objects WHERE storage_key <> 'of-nobody'") == [(True,)]


def test_what_is_undone_to_a_savepoint_is_not_settled(live: Client) -> None:
    """A request that is refused leaves its neighbours' objects, and its own, as they were."""
    claims = live.start()
    live.ask(claims, name("k"), "id")
    operations = (m.Delete("k"), m.Set("new", b"1", if_version=7))
    with pytest.raises(errors.ConflictError):
        live.ask(claims, m.Batch(operations), "batch")
    assert live.rows("SELECT records, due_at FROM external_objects") == [(1, None)]
