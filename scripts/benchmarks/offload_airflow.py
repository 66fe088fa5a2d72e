"""Apache Airflow's object-storage backend put through the same, in an interpreter that has Airflow.

Its hooks alone: what a task's request to Airflow's server takes comes on top, and is not measured here.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

# Airflow is no dependency of this repository: whoever measures it has it in an environment of its own.
from airflow.providers.common.io.state_store.backend import (  # type: ignore[import-not-found]
    StateStoreObjectStorageBackend,
)
from airflow.sdk.state import TaskScope  # type: ignore[import-not-found]

from benchmarks.offload_workload import Way, main

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Airflow:
    def __init__(self) -> None:
        self._backend = StateStoreObjectStorageBackend()
        self._scope = TaskScope("bench", "1", "offload")
        self.ways: tuple[Way, ...] = (
            Way("airflow", self._put, self._backend.deserialize_task_state_store_from_ref),
        )

    def put_at_once(self, keys: Sequence[str], value: str) -> None:
        async def all_of_them() -> None:
            await asyncio.gather(*(self._backend.aset(self._scope, key, f'"{value}"') for key in keys))

        asyncio.run(all_of_them())

    def clear(self) -> None:
        self._backend.clear(self._scope)

    def _put(self, key: str, value: str) -> str:
        reference: str = self._backend.serialize_task_state_store_to_ref(
            value=value, key=key, scope=self._scope
        )
        return reference


main(_Airflow())
