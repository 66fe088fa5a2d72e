"""What is due is found by backend and origin, oldest first, at the price of what is found."""

from collections import Counter
from typing import Any

import apsw
import pytest
from statekeep_core._shared.state.messages import AssetAddress, External, TaskAddress
from statekeep_core.metastore import disposals
from statekeep_core.metastore.objects import COLUMNS, origin_text
from statekeep_core.metastore.sqlite_transaction import SqliteTransaction
from statekeep_core.metastore.transaction import Transaction

from core.tests.conftest import sqlite_only
from core.tests.metastore.conftest import NOW_US, TASK, at

OTHER_TASK = TaskAddress("flights", "2013", "other")
ASSET = AssetAddress("flights")
LEASE_SECONDS = 300


def made(name: str, backend_id: str = "bucket", origin: Any = TASK) -> External:
    return External(f"file:///{name}", backend_id, f"{name}~{0:026}", origin, 10, b"d" * 32)


def queue(tx: Transaction, external: External, due_at: int = NOW_US) -> int:
    """Add an object that nothing names and that falls due at this instant."""
    [(object_id,)] = tx.rows(
        f"INSERT INTO external_objects ({COLUMNS}, due_at) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING object_id",
        (*external[:3], origin_text(external.origin), *external[4:], due_at),
    )
    return int(object_id)


def due(tx: Transaction, *backend_ids: str, origins: Any = (), limit: int = 1_000) -> list[str]:
    found = disposals.due(tx, backend_ids or ("bucket",), origins, limit)
    return [disposal.external.storage_key[:-27] for disposal in found]


def test_an_object_is_due_at_its_instant(tx: Transaction) -> None:
    object_id = queue(tx, made("k"), NOW_US + 1)
    assert due(tx) == []
    at(tx, 0.000_001)
    [disposal] = disposals.due(tx, ("bucket",), (), 1)
    assert disposal == (object_id, made("k"))


def test_the_oldest_come_first_over_all_backends_and_origins(tx: Transaction) -> None:
    for place, (name, backend_id, origin) in enumerate(
        [("a", "one", ASSET), ("b", "two", TASK), ("c", "one", TASK), ("d", "two", ASSET), ("e", "3", TASK)]
    ):
        queue(tx, made(name, backend_id, origin), NOW_US - place)
    assert due(tx, "one", "two") == ["d", "c", "b", "a"]
    assert due(tx, "one", "two", "two", limit=3) == ["d", "c", "b"]
    assert due(tx, "two", "one", origins=(ASSET, TASK, ASSET)) == ["d", "c", "b", "a"]
    assert due(tx, "one", "two", origins=(TASK,), limit=1) == ["c"]
    assert due(tx, "unknown") == []


def test_origins_are_told_apart(tx: Transaction) -> None:
    origins = (TASK, OTHER_TASK, ASSET, AssetAddress(None, "flights"), AssetAddress("flights", "s3://lake"))
    for number, origin in enumerate(origins):
        queue(tx, made(f"{number}", origin=origin))
    for number, origin in enumerate(origins):
        assert due(tx, origins=(origin,)) == [f"{number}"]


def test_what_lost_its_name_in_this_transaction_is_not_due(tx: Transaction) -> None:
    queue(tx, made("k"), due_at=0)
    at(tx, 1_000_000)
    assert due(tx) == []


def test_objects_of_plain_backends_are_counted_and_not_handed_out(tx: Transaction) -> None:
    queue(tx, made("k")._replace(digest=None))
    queue(tx, made("other")._replace(digest=None), due_at=0)
    queue(tx, made("of another kind"))
    assert due(tx) == ["of another kind"]
    assert disposals.plain_objects_left(tx) == 1


def test_objects_are_counted_by_backend_with_the_oldest_that_is_due(tx: Transaction) -> None:
    for place, due_at in enumerate((NOW_US - 7, NOW_US, NOW_US + 1, 0)):
        queue(tx, made(f"{place}", "one"), due_at)
    queue(tx, made("waits", "two"), NOW_US + 1)
    named = queue(tx, made("named", "three"))
    plain = queue(tx, made("plain", "mine.Files")._replace(digest=None))
    assert disposals.counted(tx) == [("one", 0, 2, NOW_US - 7), ("three", 0, 1, NOW_US)]
    tx.run("UPDATE external_objects SET records = 2, due_at = NULL WHERE object_id IN (?, ?)", (named, plain))
    assert disposals.counted(tx) == [
        ("mine.Files", 1, 0, None),
        ("one", 0, 2, NOW_US - 7),
        ("three", 1, 0, None),
    ]


def test_a_leased_object_is_due_again_when_the_lease_is_over_behind_the_others(tx: Transaction) -> None:
    first = queue(tx, made("first"), NOW_US - 2)
    disposals.lease(tx, [first])
    queue(tx, made("second"), NOW_US - 1)
    assert due(tx) == ["second"]
    at(tx, LEASE_SECONDS - 0.000_001)
    assert due(tx) == ["second"]
    at(tx, LEASE_SECONDS)
    assert due(tx) == ["second", "first"]


def test_only_what_was_leased_is_forgotten(tx: Transaction) -> None:
    leased, kept = (queue(tx, made(name)) for name in ("leased", "kept"))
    disposals.lease(tx, [leased])
    at(tx, 10 * LEASE_SECONDS)
    for _ in range(2):
        disposals.acknowledge(tx, [leased, leased, kept, 77, -1])
        assert tx.rows("SELECT object_id FROM external_objects") == [(kept,)]


def steps_of(tx: Transaction, *asked: Any, **options: Any) -> int:
    totals = Counter[str]()
    assert isinstance(tx, SqliteTransaction)
    connection = tx._connection
    connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, lambda event: totals.update(event["stmt_status"]))
    try:
        due(tx, *asked, **options)
    finally:
        connection.trace_v2(0)
    return totals["SQLITE_STMTSTATUS_VM_STEP"]


@sqlite_only
@pytest.mark.parametrize("origins", [(), (TASK, ASSET)], ids=["all", "origins"])
def test_finding_a_few_costs_the_same_among_many(tx: Transaction, origins: Any) -> None:
    def fill(count: int) -> None:
        for number in range(count):
            name = f"{tx.rows('SELECT count(*) FROM external_objects')}"
            backend_id = "bucket" if number % 2 else "other"
            origin = TASK if origins and number % 3 else OTHER_TASK
            leased_later = NOW_US + 1 if number % 5 == 0 else NOW_US
            queue(tx, made(name, backend_id, origin), leased_later)

    fill(40)
    few = steps_of(tx, origins=origins, limit=5)
    fill(2_000)
    assert steps_of(tx, origins=origins, limit=5) < few * 1.5
