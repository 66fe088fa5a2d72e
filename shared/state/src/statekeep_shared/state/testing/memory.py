"""A state backend in memory: complete, thread-safe, and short enough to be the contract's worked example."""

from __future__ import annotations

import asyncio
from threading import Lock
from typing import TYPE_CHECKING

from ..backend import BaseStateBackend
from ..scope import TaskScope

if TYPE_CHECKING:
    from ..scope import StateScope

Address = tuple[str | int, ...]


class MemoryStateBackend(BaseStateBackend):
    """Keeps entries in ``medium`` until the process ends. Every method is atomic, in any thread."""

    def __init__(self) -> None:
        self.medium: dict[Address, dict[str, str]] = {}
        self._lock = Lock()

    @staticmethod
    def address_of(scope: StateScope) -> Address:
        """Return where the medium holds a scope's entries."""
        if isinstance(scope, TaskScope):
            return ("task", scope.dag_id, scope.run_id, scope.task_id, scope.map_index)
        if scope.asset_id is not None:
            return ("asset_id", scope.asset_id)
        if scope.name is not None:
            return ("asset_name", scope.name)
        return ("asset_uri", str(scope.uri))

    def get(self, scope: StateScope, key: str) -> str | None:
        with self._lock:
            return self.medium.get(self.address_of(scope), {}).get(key)

    def set(self, scope: StateScope, key: str, value: str) -> None:
        with self._lock:
            self.medium.setdefault(self.address_of(scope), {})[key] = value

    def delete(self, scope: StateScope, key: str) -> None:
        with self._lock:
            self.medium.get(self.address_of(scope), {}).pop(key, None)

    def clear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        address = self.address_of(scope)
        with self._lock:
            self.medium.pop(address, None)
            if all_map_indices and isinstance(scope, TaskScope):
                for other in [other for other in self.medium if other[:-1] == address[:-1]]:
                    del self.medium[other]

    # The lock may be held by another thread, so the loop must not be the one that waits for it.

    async def aget(self, scope: StateScope, key: str) -> str | None:
        return await asyncio.to_thread(self.get, scope, key)

    async def aset(self, scope: StateScope, key: str, value: str) -> None:
        await asyncio.to_thread(self.set, scope, key, value)

    async def adelete(self, scope: StateScope, key: str) -> None:
        await asyncio.to_thread(self.delete, scope, key)

    async def aclear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        await asyncio.to_thread(self.clear, scope, all_map_indices=all_map_indices)
