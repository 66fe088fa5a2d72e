"""Broken backends: references and the objects that they name. Each has one fault."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import uuid4

from statekeep_shared.state.testing import (
    Capabilities,
    ImmutableMemoryObjects,
    MemoryStateBackend,
    PlainMemoryObjects,
)

from shared.state.tests.testing.shelf import caught_by

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from statekeep_shared.state import StateScope

OBJECTS = Capabilities(external_objects=True)


@caught_by("test_a_reference_is_determined_by_its_owner_and_key", OBJECTS)
class DrawsRandomReferences(PlainMemoryObjects):
    def serialize_task_state_to_ref(self, *, value: str, key: str, ti_id: str) -> str:
        return self._put(f"memory://{ti_id}/{key}/{uuid4()}", value)


@caught_by("test_references_of_different_owners_or_keys_differ", OBJECTS)
class IgnoresTheOwner(PlainMemoryObjects):
    def serialize_task_state_to_ref(self, *, value: str, key: str, ti_id: str) -> str:
        del ti_id
        return super().serialize_task_state_to_ref(value=value, key=key, ti_id="")


@caught_by("test_references_of_different_owners_or_keys_differ", OBJECTS)
class JoinsAssetAndKeyInTheReference(PlainMemoryObjects):
    def serialize_asset_state_to_ref(self, *, value: str, key: str, asset_ref: str) -> str:
        return self._put(f"memory://{asset_ref}/{key}", value)


@caught_by("test_references_of_different_owners_or_keys_differ", OBJECTS)
class FoldsKeysInTheReference(PlainMemoryObjects):
    def serialize_task_state_to_ref(self, *, value: str, key: str, ti_id: str) -> str:
        return super().serialize_task_state_to_ref(value=value, key=key.casefold(), ti_id=ti_id)


@caught_by("test_the_reference_of_the_longest_key_is_short_enough", OBJECTS)
class QuotesKeysInTheReference(PlainMemoryObjects):
    def serialize_task_state_to_ref(self, *, value: str, key: str, ti_id: str) -> str:
        return self._put(f"memory://{ti_id}/{quote(key, safe='')}", value)


@caught_by("test_delete_removes_the_object_which_is_then_an_error_to_read", OBJECTS)
class LeavesTheObjectBehind(PlainMemoryObjects):
    def delete(self, scope: StateScope, key: str) -> None:
        MemoryStateBackend.delete(self, scope, key)


@caught_by("test_delete_removes_the_object_which_is_then_an_error_to_read", OBJECTS)
class ReadsNullForAMissingObject(PlainMemoryObjects):
    def deserialize_asset_state_from_ref(self, stored: str) -> str:
        return self.objects.get(stored, "null")


@caught_by("test_a_value_comes_back_through_its_reference", OBJECTS)
class RewritesTheObject(PlainMemoryObjects):
    def deserialize_task_state_from_ref(self, stored: str) -> str:
        return super().deserialize_task_state_from_ref(stored).replace("\u0301", "")


@caught_by("test_a_value_is_put_where_it_is_declared_to_be", OBJECTS)
class ReturnsAReferenceToNothing(PlainMemoryObjects):
    def serialize_task_state_to_ref(self, *, value: str, key: str, ti_id: str) -> str:
        return super().serialize_task_state_to_ref(value=value, key=key, ti_id=ti_id) + "?"


@caught_by("test_a_value_is_put_where_it_is_declared_to_be")
class MovesValuesOutUndeclared(PlainMemoryObjects):
    """Has external objects, of which the declaration says nothing."""


@caught_by("test_a_second_write_replaces_the_object_or_makes_another", OBJECTS)
class KeepsTheFirstObject(PlainMemoryObjects):
    def _put(self, reference: str, value: str) -> str:
        self.objects.setdefault(reference, value)
        return reference


@caught_by("test_a_second_write_replaces_the_object_or_makes_another", OBJECTS)
class OverwritesThoughImmutable(ImmutableMemoryObjects):
    def _put(self, reference: str, scope: StateScope | None, storage_key: str, value: str) -> str:
        del reference
        user_key, _, _ = storage_key.rpartition("~")
        return super()._put(f"memory://{scope}/{user_key}", scope, storage_key, value)

    def _take(self, reference: str, scope: StateScope | None, storage_key: str) -> str:
        del scope
        return super()._take(reference, None, storage_key)


@caught_by("test_an_immutable_backend_follows_no_reference_but_that_of_the_origin", OBJECTS)
class IgnoresTheOrigin(ImmutableMemoryObjects):
    def _take(self, reference: str, scope: StateScope | None, storage_key: str) -> str:
        del scope
        return super()._take(reference, None, storage_key)


@caught_by("test_objects_are_listed_if_the_backend_is_immutable", OBJECTS)
class ListsAnIncompleteSet(ImmutableMemoryObjects):
    def list_objects(self, store_id: str) -> Iterator[tuple[StateScope, str, int, datetime]]:
        yield from list(super().list_objects(store_id))[:1]


@caught_by("test_objects_are_listed_if_the_backend_is_immutable", OBJECTS)
class ListsAnotherStoresObjects(ImmutableMemoryObjects):
    def list_objects(self, store_id: str) -> Iterator[tuple[StateScope, str, int, datetime]]:
        del store_id
        return super().list_objects(self._store_id)


@caught_by("test_objects_are_listed_if_the_backend_is_immutable", OBJECTS)
class ListsNothingThoughPlain(PlainMemoryObjects):
    def list_objects(self, store_id: str) -> Iterator[tuple[StateScope, str, int, datetime]]:
        del store_id
        return iter(())
