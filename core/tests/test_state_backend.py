"""The metastore as a state backend: the contract's own suite, and what only this backend has."""

import asyncio
import threading

import apsw
import pytest
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.scope import AssetScope, TaskScope
from statekeep_core._shared.state.testing import Capabilities, StateBackendConformance
from statekeep_core.embedded import open_store
from statekeep_core.metastore import assets
from statekeep_core.state_backend import MetastoreStateBackend

TASK = TaskScope("sales", "2026-01-01", "load")


@pytest.fixture
def store(make_client):
    return make_client().store


@pytest.fixture
def backend(store):
    return MetastoreStateBackend(store)


def make_asset(store, name):
    record = store.transact(lambda work: assets.declare(work.tx, m.AssetAddress(name), new_asset=False))
    return AssetScope(asset_id=record.asset_id)


class TestMetastoreStateBackend(StateBackendConformance):
    capabilities = Capabilities(asset_addresses=frozenset({"asset_id"}), max_value_bytes=65_536)

    @pytest.fixture
    def backend(self, tmp_path):
        store = open_store(tmp_path / "state.db")
        backend = MetastoreStateBackend(store)
        backend.store = store
        yield backend
        store.close()

    def make_asset(self, backend, name):
        return make_asset(backend.store, name)

    def look(self, backend, scope, key):
        with apsw.Connection(str(backend.store.path)) as connection:
            if isinstance(scope, TaskScope):
                rows = connection.execute(
                    "SELECT value FROM task_entries JOIN task_instances USING (instance_id)"
                    " WHERE ti_id = ? AND key = ?",
                    (scope.ti_id, key),
                ).fetchall()
            else:
                rows = connection.execute(
                    "SELECT value FROM asset_entries WHERE asset_id = ? AND key = ?", (scope.asset_id, key)
                ).fetchall()
        return rows[0][0].decode() if rows else None
