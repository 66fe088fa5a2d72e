"""One transaction on a real SQLite file with the real schema, at an instant that the test moves."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from statekeep_core._shared.state.messages import AssetAddress, TaskAddress
from statekeep_core.metastore import assets, tries
from statekeep_core.metastore.clock import Instant
from statekeep_core.metastore.migrate import migrate, migrations
from statekeep_core.metastore.sqlite_transaction import SqliteTransaction
from statekeep_core.metastore.transaction import Transaction

TASK = TaskAddress("flights", "2013", "load")
NOW_US = 1_700_000_000_000_000


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    connection = apsw.Connection(str(tmp_path / "state.db"))
    connection.pragma("foreign_keys", True)
    migrate(connection, migrations(), "0")
    connection.execute("BEGIN IMMEDIATE")
    yield SqliteTransaction(connection, Instant(NOW_US, 0, "boot"))
    connection.execute("ROLLBACK")
    connection.close()


@pytest.fixture
def instance_id(tx: Transaction) -> int:
    """A task instance whose try 1 is running."""
    record = tries.create_instance(tx, TASK)
    tries.begin(tx, record.instance_id, 1, "host:1", 60_000_000)
    return record.instance_id


@pytest.fixture
def asset_id(tx: Transaction) -> int:
    return assets.declare(tx, AssetAddress("flights"), new_asset=False).asset_id


def at(tx: Transaction, seconds: float) -> None:
    """Move the transaction to this long after its beginning."""
    tx.now = tx.now._replace(wall_us=NOW_US + int(seconds * 1_000_000))
