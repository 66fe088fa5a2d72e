"""What does not hold between the rows of a store is found, and nothing else."""

from pathlib import Path

import apsw
import pytest
from statekeep_core._shared.state.messages import External
from statekeep_core.metastore import integrity, objects, store_identity, task_entries
from statekeep_core.metastore.migrate import migrate, migrations
from statekeep_core.metastore.stamp import Stamp
from statekeep_core.metastore.task_entries import Expiry
from statekeep_core.metastore.transaction import Transaction

from core.tests.conftest import sqlite_only
from core.tests.metastore.conftest import TASK

OBJECT = External("file:///k", "bucket", f"k~{0:026}", TASK, 10, b"d" * 32)
_NOBODY = 77_777


@pytest.fixture
def filled(tx: Transaction, instance_id: int, asset_id: int) -> Transaction:
    """A store with a row of everything that is checked."""
    for key, content in (("value", b"1"), ("named", OBJECT), ("named again", OBJECT)):
        task_entries.put(tx, instance_id, key, content, Expiry(), Stamp("operator:ann"))
    tx.run("INSERT INTO asset_grants VALUES (?, 1, ?, 1)", (instance_id, asset_id))
    objects.settle(tx)
    return tx


def found(tx: Transaction) -> dict[str, int]:
    return {fault.what: fault.rows for fault in integrity.faults(tx)}


def test_a_store_that_is_whole_has_no_fault(filled: Transaction) -> None:
    assert found(filled) == {}
    task_entries.put(filled, 1, "named", b"1", Expiry(), Stamp("operator:ann"))
    task_entries.put(filled, 1, "named again", b"1", Expiry(), Stamp("operator:ann"))
    objects.settle(filled)
    assert found(filled) == {}
    store_identity.renew(filled)
    assert found(filled) == {}


@pytest.mark.parametrize(
    ("what", "damage", "rows"),
    [
        ("objects whose count of records is wrong", "UPDATE external_objects SET records = 1", 1),
        ("records that name an object that is not known", "DELETE FROM external_objects", 2),
        (
            "objects that are due although a record names them",
            "UPDATE external_objects SET due_at = 7",
            1,
        ),
        (
            "running tries that are not the current one",
            "UPDATE task_instances SET current_try = 7",
            1,
        ),
    ],
)
def test_a_wrong_count_or_name_is_found(filled: Transaction, what: str, damage: str, rows: int) -> None:
    filled.run(damage)
    assert found(filled) == {what: rows}


def test_an_object_that_never_falls_due_is_found(filled: Transaction) -> None:
    filled.run(
        f"INSERT INTO external_objects ({objects.COLUMNS}, due_at)"
        " VALUES ('r', 'b', 'k', '[]', 1, NULL, NULL)"
    )
    assert found(filled) == {"objects that nothing names and that never fall due": 1}


_STRAY = {
    "task entries of no task instance": f"UPDATE task_entries SET instance_id = {_NOBODY}",
    "grants of no try": "UPDATE asset_grants SET try_number = 7",
    "asset entries of no asset": (
        "INSERT INTO asset_entries (asset_id, key, value, version, updated_at, writer_principal)"
        f" VALUES ({_NOBODY}, 'k', x'31', 1, 1, 'w')"
    ),
    "asset history of no asset": (
        "INSERT INTO asset_history (asset_id, key, version, change, changed_at, writer_principal)"
        f" VALUES ({_NOBODY}, 'k', 1, 'set', 1, 'w')"
    ),
    "staged operations of no running try": (
        "INSERT INTO staged_operations (instance_id, try_number, position, asset_id, key, operation)"
        " VALUES (1, 7, 1, 1, 'k', 'delete')"
    ),
    "tries of no task instance": (
        "INSERT INTO tries (instance_id, try_number, status, supervisor, started_at, lease_boot_id,"
        f" lease_until) VALUES ({_NOBODY}, 1, 'failed', '', 1, '', 0)"
    ),
    "rows of task_entries with a version that was not drawn": "UPDATE task_entries SET version = 99",
}


@sqlite_only
@pytest.mark.parametrize(("what", "damage"), _STRAY.items(), ids=_STRAY)
def test_rows_that_belong_to_nothing_are_found(filled: Transaction, what: str, damage: str) -> None:
    # What SQLite would refuse; a file that somebody has edited or a lost page can hold it.
    filled.run("PRAGMA defer_foreign_keys = 1")
    filled.run(damage)
    assert set(found(filled)) == {what}


def test_a_damaged_page_is_found(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    connection = apsw.Connection(str(path))
    migrate(connection, migrations())
    assert integrity.damage(connection) == []
    page_bytes = connection.pragma("page_size")
    connection.close()
    content = bytearray(path.read_bytes())
    content[5 * page_bytes : 6 * page_bytes] = b"\xff" * page_bytes
    path.write_bytes(content)
    connection = apsw.Connection(str(path))
    assert integrity.damage(connection)
    connection.close()
