"""The task of the offloading benchmark: values through the accessors, through the hooks, and raw."""

from __future__ import annotations

import asyncio
import os
from base64 import b32encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import statekeep

from benchmarks.offload_workload import Way, main
from benchmarks.raw_files import read_text, write_durably

if TYPE_CHECKING:
    from collections.abc import Sequence

_RAW_FOLDER = "STATEKEEP_BENCH_RAW_FOLDER"
_HOOKS = "STATEKEEP_BENCH_HOOKS"


class _Task:
    """Of ``ways``, raw files and the hooks are there when the environment asks for them."""

    def __init__(self) -> None:
        context = statekeep.current_context()
        self._state = context.task_state
        self.ways: list[Way] = []
        if folder := os.environ.get(_RAW_FOLDER):
            self.ways.append(_raw_way(Path(folder)))
        if os.environ.get(_HOOKS):
            self.ways.append(_hooks_way(statekeep.TaskScope(context.dag_id, context.run_id, context.task_id)))
        self.ways.append(Way("task", self._put, self._state.get))

    def put_at_once(self, keys: Sequence[str], value: str) -> None:
        async def all_of_them() -> None:
            await asyncio.gather(*(self._state.aset(key, value) for key in keys))

        asyncio.run(all_of_them())

    def clear(self) -> None:
        self._state.clear()

    def _put(self, key: str, value: str) -> str:
        self._state.set(key, value)
        return key


def _raw_way(folder: Path) -> Way:
    def put(key: str, data: bytes) -> str:
        path = folder / f"{os.getpid()}-{key}"
        write_durably(path, data)
        return str(path)

    return Way("raw", put, lambda path: read_text(Path(path)), str.encode)


def _hooks_way(scope: statekeep.TaskScope) -> Way:
    from statekeep.backends.configured import Backends  # a task whose memory is measured does without

    class_path = os.environ["STATEKEEP__WORKERS__STATE_BACKEND"]
    backend: Any = Backends(state_backend=class_path, store_id="bench").writer()

    def put(key: str, text: str) -> tuple[str, str]:
        storage_key = f"{key}~{b32encode(os.urandom(16)).decode().rstrip('=').lower()}"
        told = {"scope": scope, "storage_key": storage_key}
        reference = backend.serialize_task_state_to_ref(
            value=text, key=storage_key, ti_id=scope.ti_id, **told
        )
        return reference, storage_key

    def take(where: tuple[str, str]) -> str:
        reference, storage_key = where
        text: str = backend.deserialize_task_state_from_ref(reference, scope=scope, storage_key=storage_key)
        return text

    return Way("hooks", put, take, lambda value: f'"{value}"')


main(_Task())
