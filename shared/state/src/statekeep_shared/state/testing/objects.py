"""Worker-side backends in memory: their hooks put values into ``objects`` and return references to them."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ReferenceMissingError
from ..scope import TaskScope
from .memory import MemoryStateBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..scope import AssetScope, StateScope


def _reference(owner: str, key: str) -> str:
    # A digest, because the longest key alone would fill a reference.
    return f"memory://{sha256(owner.encode()).hexdigest()}/{sha256(key.encode()).hexdigest()}"


def _asset_ref(scope: AssetScope) -> str:
    return scope.name if scope.name is not None else str(scope.uri)


def _owner(scope: StateScope) -> str:
    return f"task {scope.ti_id}" if isinstance(scope, TaskScope) else f"asset {_asset_ref(scope)}"


class PlainMemoryObjects(MemoryStateBackend):
    """A plain backend: one object per key, replaced in place."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, str] = {}

    def serialize_task_state_to_ref(self, *, value: str, key: str, ti_id: str) -> str:
        return self._put(_reference(f"task {ti_id}", key), value)

    def deserialize_task_state_from_ref(self, stored: str) -> str:
        return self._take(stored)

    def serialize_asset_state_to_ref(self, *, value: str, key: str, asset_ref: str) -> str:
        return self._put(_reference(f"asset {asset_ref}", key), value)

    def deserialize_asset_state_from_ref(self, stored: str) -> str:
        return self._take(stored)

    def delete(self, scope: StateScope, key: str) -> None:
        super().delete(scope, key)
        self.objects.pop(_reference(_owner(scope), key), None)

    def _put(self, reference: str, value: str) -> str:
        self.objects[reference] = value
        return reference

    def _take(self, reference: str) -> str:
        try:
            return self.objects[reference]
        except KeyError:
            raise ReferenceMissingError(reference=reference) from None


class StoredObject(NamedTuple):
    """An object as ``ImmutableMemoryObjects`` keeps it: its origin, its text, and when it was made."""

    scope: StateScope
    storage_key: str
    value: str
    modified_at: datetime


class ImmutableMemoryObjects(MemoryStateBackend):
    """An immutable backend: one object per storage key, all of them under one store's id."""

    immutable_refs = True

    def __init__(self, store_id: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self.objects: dict[str, StoredObject] = {}
        self._store_id = store_id
        self._now = now

    def serialize_task_state_to_ref(
        self, *, value: str, key: str, ti_id: str, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        return self._put(_reference(f"task {ti_id}", key), scope, storage_key, value)

    def deserialize_task_state_from_ref(
        self, stored: str, *, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        return self._take(stored, scope, storage_key)

    def serialize_asset_state_to_ref(
        self, *, value: str, key: str, asset_ref: str, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        return self._put(_reference(f"asset {asset_ref}", key), scope, storage_key, value)

    def deserialize_asset_state_from_ref(
        self, stored: str, *, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        return self._take(stored, scope, storage_key)

    def delete(self, scope: StateScope, key: str) -> None:
        super().delete(scope, key)
        self.objects.pop(_reference(_owner(scope), key), None)

    def list_objects(self, store_id: str) -> Iterator[tuple[StateScope, str, int, datetime]]:
        if store_id == self._store_id:
            for stored in list(self.objects.values()):
                yield stored.scope, stored.storage_key, len(stored.value.encode()), stored.modified_at

    def _put(self, reference: str, scope: StateScope | None, storage_key: str, value: str) -> str:
        if scope is None:
            raise TypeError("an immutable backend's hooks need the keyword arguments scope and storage_key")
        self.objects[reference] = StoredObject(scope, storage_key, value, self._now())
        return reference

    def _take(self, reference: str, scope: StateScope | None, storage_key: str) -> str:
        stored = self.objects.get(reference)
        is_its_own = scope is None or reference == _reference(_owner(scope), storage_key)
        if stored is None or not is_its_own:
            raise ReferenceMissingError(scope=str(scope), key=storage_key, reference=reference)
        return stored.value
