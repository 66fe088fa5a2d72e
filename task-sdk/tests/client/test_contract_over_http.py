"""The contract's own suite, against a server: what it asks of a backend holds over HTTP, too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from embedded_try import StoreBehindServer
from served_store import ServedStore, first_row
from statekeep import AssetScope, BaseStateBackend, StateScope, TaskScope
from statekeep._shared.state import messages as m
from statekeep.backends.testing import Capabilities, StateBackendConformance
from statekeep.errors import NotFoundError

pytestmark = pytest.mark.slow

_OF_A_TASK = (
    "SELECT value FROM task_entries JOIN task_instances USING (instance_id) WHERE ti_id = '{}' AND key = '{}'"
)
_OF_AN_ASSET = "SELECT value FROM asset_entries WHERE asset_id = {} AND key = '{}'"


class BehindServer(BaseStateBackend):
    """What an operator may do over HTTP, as the contract has it."""

    def __init__(self, store: StoreBehindServer) -> None:
        self.store = store

    def get(self, scope: StateScope, key: str) -> str | None:
        try:
            entry = self.store.as_operator(m.Get(key, _target(scope)))
        except NotFoundError:
            if isinstance(scope, TaskScope):
                return None  # a task that nothing was ever written for
            raise
        return str(entry.value, "utf-8") if isinstance(entry, m.Entry) else None

    def set(self, scope: StateScope, key: str, value: str) -> None:
        self.store.as_operator(m.Set(key, value.encode("utf-8", "surrogatepass"), _target(scope)))

    def delete(self, scope: StateScope, key: str) -> None:
        self._remove(scope, m.Delete(key, _target(scope)))

    def clear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        self._remove(scope, m.Clear(_target(scope), all_map_indices))

    async def aget(self, scope: StateScope, key: str) -> str | None:
        return await asyncio.to_thread(self.get, scope, key)

    async def aset(self, scope: StateScope, key: str, value: str) -> None:
        await asyncio.to_thread(self.set, scope, key, value)

    async def adelete(self, scope: StateScope, key: str) -> None:
        await asyncio.to_thread(self.delete, scope, key)

    async def aclear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        await asyncio.to_thread(self.clear, scope, all_map_indices=all_map_indices)

    def _remove(self, scope: StateScope, request: Any) -> None:
        try:
            self.store.as_operator(request)
        except NotFoundError:
            if not isinstance(scope, TaskScope):
                raise


def _target(scope: StateScope) -> m.Target:
    if isinstance(scope, TaskScope):
        return m.TaskAddress(scope.dag_id, scope.run_id, scope.task_id, scope.map_index)
    return scope.asset_id


class TestOverHttp(StateBackendConformance):
    capabilities = Capabilities(asset_addresses=frozenset({"asset_id"}), max_value_bytes=65_536)

    @pytest.fixture
    def backend(self, served_store: ServedStore) -> Iterator[BehindServer]:
        self.served = served_store
        store = StoreBehindServer(served_store.server)
        yield BehindServer(store)
        store.close()

    def make_asset(self, backend: BehindServer, name: str) -> AssetScope:
        declaring = m.Start(m.TaskAddress("suite", name, "declare"), outlets=(m.AssetAddress(name),))
        [grant] = backend.store.ask(m.WorkerClaims("suite"), declaring).grants
        return AssetScope(asset_id=grant.asset_id)

    def look(self, backend: BehindServer, scope: StateScope, key: str) -> str | None:
        quoted = key.replace("'", "''")
        if isinstance(scope, TaskScope):
            sql = _OF_A_TASK.format(scope.ti_id, quoted)
        else:
            sql = _OF_AN_ASSET.format(scope.asset_id, quoted)
        row = first_row(self.served.database, sql)
        return None if row is None else str(row[0], "utf-8")
