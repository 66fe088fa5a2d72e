"""One transaction on a real store of either engine, at an instant that the test moves."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import apsw
import pytest
from statekeep_core._shared.state.messages import AssetAddress, Change, TaskAddress
from statekeep_core.metastore import asset_history, assets, tries
from statekeep_core.metastore.clock import Instant
from statekeep_core.metastore.migrate import migrate, migrations
from statekeep_core.metastore.sqlite_transaction import SqliteTransaction
from statekeep_core.metastore.transaction import Transaction
from statekeep_core.postgres.connection import connect
from statekeep_core.postgres.transaction import PostgresTransaction

TASK = TaskAddress("flights", "2013", "load")
NOW_US = 1_700_000_000_000_000


@pytest.fixture
def tx(engine: str, request: pytest.FixtureRequest) -> Iterator[Transaction]:
    with request.getfixturevalue(f"{engine}_transaction")() as transaction:
        yield transaction


@pytest.fixture
def sqlite_transaction(tmp_path: Path) -> Callable[[], AbstractContextManager[Transaction]]:
    return lambda: _on_sqlite(tmp_path)


@pytest.fixture
def postgresql_transaction(postgres_store_url: str) -> Callable[[], AbstractContextManager[Transaction]]:
    return lambda: _on_postgresql(postgres_store_url)


@contextmanager
def _on_postgresql(url: str) -> Iterator[Transaction]:
    with connect(url) as connection:
        transaction = PostgresTransaction(connection)
        transaction.now = Instant(NOW_US, 0, "boot")
        yield transaction
        transaction.roll_back()


@contextmanager
def _on_sqlite(tmp_path: Path) -> Iterator[Transaction]:
    connection = apsw.Connection(str(tmp_path / "state.db"))
    connection.pragma("foreign_keys", True)
    migrate(connection, migrations())
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


def history(tx: Transaction, asset_id: int, key: str | None) -> tuple[Change, ...]:
    """Return the kept changes of a key, or of all keys, newest first."""
    return asset_history.since(tx, asset_history.Span(asset_id, key, 2**63 - 1), 0)
