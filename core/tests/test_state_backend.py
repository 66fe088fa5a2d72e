"""The metastore as a state backend: the contract's own suite, and what only this backend has."""

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.scope import AssetScope, StateScope, TaskScope
from statekeep_core._shared.state.testing import Capabilities, StateBackendConformance
from statekeep_core.metastore import assets
from statekeep_core.policy import Policy
from statekeep_core.retention import Store
from statekeep_core.state_backend import MetastoreStateBackend

from core.tests.conftest import Client, FreshStore, MovedClock

TASK = TaskScope("sales", "2026-01-01", "load")


@pytest.fixture
def store(client: Client) -> Any:
    return client.store


@pytest.fixture
def backend(store: Store) -> MetastoreStateBackend:
    return MetastoreStateBackend(store)


def declare(store: Store, name: str) -> AssetScope:
    record = store.transact(lambda work: assets.declare(work.tx, m.AssetAddress(name), new_asset=False))
    return AssetScope(asset_id=record.asset_id)


def value_of(store: Store, sql: str, *parameters: str | int | None) -> str | None:
    found: Any = store.transact(lambda work: work.tx.rows(sql, parameters))
    return found[0][0].decode() if found else None


class TestMetastoreStateBackend(StateBackendConformance):
    capabilities = Capabilities(asset_addresses=frozenset({"asset_id"}), max_value_bytes=65_536)

    @pytest.fixture
    def backend(self, fresh_store: FreshStore) -> Iterator[MetastoreStateBackend]:
        self.store = fresh_store(Policy(), None)
        yield MetastoreStateBackend(self.store)
        self.store.close()

    def make_asset(self, backend: MetastoreStateBackend, name: str) -> AssetScope:
        return declare(self.store, name)

    def look(self, backend: MetastoreStateBackend, scope: StateScope, key: str) -> str | None:
        if isinstance(scope, TaskScope):
            sql = "SELECT value FROM task_entries JOIN task_instances USING (instance_id) WHERE ti_id = ?"
            return value_of(self.store, sql + " AND key = ?", scope.ti_id, key)
        sql = "SELECT value FROM asset_entries WHERE asset_id = ? AND key = ?"
        return value_of(self.store, sql, scope.asset_id, key)


def test_a_backend_of_the_metastore_needs_an_assets_id(backend: MetastoreStateBackend) -> None:
    for scope in (AssetScope(name="flights"), AssetScope(uri="s3://lake/flights")):
        with pytest.raises(errors.InvalidRequestError, match="asset_id"):
            backend.set(scope, "k", "1")


def test_an_asset_that_does_not_exist_is_not_an_absent_key(backend: MetastoreStateBackend) -> None:
    missing = AssetScope(asset_id=99)
    operations: list[Callable[[], object]] = [
        lambda: backend.get(missing, "k"),
        lambda: backend.set(missing, "k", "1"),
        lambda: backend.delete(missing, "k"),
        lambda: backend.clear(missing),
    ]
    for operation in operations:
        with pytest.raises(errors.NotFoundError, match="#99"):
            operation()


def test_an_inactive_asset_is_read_and_not_written(store: Store, backend: MetastoreStateBackend) -> None:
    scope = declare(store, "flights")
    backend.set(scope, "k", "1")
    store.transact(lambda work: assets.deactivate(work.tx, scope.asset_id or 0))
    assert backend.get(scope, "k") == "1"
    with pytest.raises(errors.AssetInactiveError):
        backend.set(scope, "k", "2")
    with pytest.raises(errors.AssetInactiveError):
        backend.clear(scope)
    assert backend.get(scope, "k") == "1"


def test_cleanup_removes_what_has_expired(make_client: Callable[..., Client], clock: MovedClock) -> None:
    store = make_client(abandoned_us=1_000_000).store
    backend = MetastoreStateBackend(store)
    backend.set(TASK, "k", "1")
    clock.advance(1)
    assert value_of(store, "SELECT value FROM task_entries") == "1"
    backend.cleanup()
    assert value_of(store, "SELECT value FROM task_entries") is None


def test_threads_share_a_backend(backend: MetastoreStateBackend) -> None:
    failures: list[Exception] = []
    together = threading.Barrier(4)

    def write(number: int) -> None:
        together.wait()
        try:
            for index in range(30):
                backend.set(TASK, f"{number}.{index}", str(index))
        except Exception as error:  # it is shown by the assertion below, not by the thread
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    switch_seconds = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch_seconds)
    assert failures == []
    assert all(backend.get(TASK, f"{n}.{i}") == str(i) for n in range(4) for i in range(30))
