"""Worker-side backends in memory, and a transport with its answers beforehand, which tell one story."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from statekeep import BaseStateBackend, StateScope
from statekeep._shared.state import messages as m
from statekeep.accessors.drivers import arun, run
from statekeep.accessors.offloading import Offloading
from statekeep.errors import ReferenceMissingError

TASK = m.TaskAddress("etl", "2026-01-01", "load")
ORDERS = m.AssetAddress("orders", "s3://lake/orders")
ORIGIN = m.AssetAddress("orders")
MAX_VALUE_BYTES = 100


class InMemory(BaseStateBackend):
    """What the two kinds have in common. ``story`` gets a line per call; ``failing`` are raised, in order."""

    def __init__(self, story: list[str] | None = None) -> None:
        self.story = [] if story is None else story
        self.objects: dict[str, str] = {}
        self.failing: list[Exception] = []

    def tell(self, line: str) -> None:
        self.story.append(line)
        if self.failing:
            raise self.failing.pop(0)

    def put(self, reference: str, value: str) -> str:
        self.tell(f"put {reference}")
        self.objects[reference] = value
        return reference

    def fetch(self, reference: str) -> str:
        self.tell(f"fetch {reference}")
        if reference not in self.objects:
            raise ReferenceMissingError(reference=reference)
        return self.objects[reference]

    def get(self, scope: StateScope, key: str) -> str | None:
        raise NotImplementedError

    def set(self, scope: StateScope, key: str, value: str) -> None:
        raise NotImplementedError

    def delete(self, scope: StateScope, key: str) -> None:
        self.tell(f"delete {key}")
        for reference in [each for each in self.objects if each.endswith(f"/{key}")]:
            del self.objects[reference]

    def clear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        raise NotImplementedError

    async def aget(self, scope: StateScope, key: str) -> str | None:
        raise NotImplementedError

    async def aset(self, scope: StateScope, key: str, value: str) -> None:
        raise NotImplementedError

    async def adelete(self, scope: StateScope, key: str) -> None:
        await asyncio.to_thread(self.delete, scope, key)

    async def aclear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        raise NotImplementedError


class Immutable(InMemory):
    """Makes a new object for every write."""

    immutable_refs = True
    threshold_bytes = 10

    def serialize_task_state_to_ref(
        self, *, value: str, key: str, ti_id: str, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        assert key == storage_key
        return self.put(f"{ti_id}/{storage_key}", value)

    def serialize_asset_state_to_ref(
        self, *, value: str, key: str, asset_ref: str, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        assert key == storage_key
        return self.put(f"{asset_ref}/{storage_key}", value)

    def deserialize_task_state_from_ref(
        self, stored: str, *, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        assert stored.endswith(f"/{storage_key}")
        return self.fetch(stored)

    def deserialize_asset_state_from_ref(
        self, stored: str, *, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        return self.deserialize_task_state_from_ref(stored, scope=scope, storage_key=storage_key)

    def list_objects(self, store_id: str) -> Iterable[Any]:
        return []


class Plain(InMemory):
    """Overwrites in place, by the contract's plain signatures."""

    def serialize_task_state_to_ref(self, *, value: str, key: str, ti_id: str) -> str:
        return self.put(f"{ti_id}/{key}", value)

    def serialize_asset_state_to_ref(self, *, value: str, key: str, asset_ref: str) -> str:
        return self.put(f"{asset_ref}/{key}", value)

    def deserialize_task_state_from_ref(self, stored: str) -> str:
        return self.fetch(stored)

    def deserialize_asset_state_from_ref(self, stored: str) -> str:
        return self.fetch(stored)


class Configured:
    """The backends that are there."""

    def __init__(self, writer: Any, *others: Any) -> None:
        self._writer = writer
        self._all = [each for each in (writer, *others) if each is not None]

    def writer(self) -> Any:
        return self._writer

    def reader(self, backend_id: str) -> Any:
        return next((each for each in self._all if each.backend_id == backend_id), None)


def origin_of(target: m.Target) -> m.TaskAddress | m.AssetAddress:
    """The address of a target, of a try that declared one asset."""
    if target is None:
        return TASK
    return ORDERS if isinstance(target, int) else target


def offloading(*backends: Any, max_value_bytes: int = MAX_VALUE_BYTES) -> Offloading:
    return Offloading(Configured(*backends), origin_of, max_value_bytes)


class Answers:
    """A transport that answers from a list; an answer may be a function of the request."""

    def __init__(self, story: list[str], *answers: Any) -> None:
        self.story = story
        self.answers = list(answers)
        self.asked: list[tuple[Any, str | None]] = []

    @property
    def requests(self) -> list[Any]:
        return [request for request, _ in self.asked]

    def call(self, request: Any, request_id: str | None = None) -> Any:
        self.story.append(f"ask {type(request).__name__}")
        self.asked.append((request, request_id))
        answer = self.answers.pop(0)
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def acall(self, request: Any, request_id: str | None = None) -> Any:
        await asyncio.sleep(0)
        return self.call(request, request_id)


Drive = Callable[[Any, Any], Any]
DRIVES: dict[str, Drive] = {
    "run": run,
    "arun": lambda flow, transport: asyncio.run(arun(flow, transport)),
}
