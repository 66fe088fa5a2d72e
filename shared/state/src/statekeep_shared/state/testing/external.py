"""Conformance: the hooks, and the external objects that they make, if the backend makes any."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from ..backend import MAX_REFERENCE_BYTES
from ..scope import AssetScope, TaskScope
from .suite import JSON_TEXTS, TASK, BackendSuite, refusal_code

if TYPE_CHECKING:
    from ..scope import StateScope

_ORDERS = AssetScope(name="orders")
_LONGEST_KEY = "\U0001f600" * 512
# A storage key is the user's key, "~", and 26 characters of the write's generation.
_GENERATIONS = ("0" * 26, "Z" * 26)


@dataclass(frozen=True)
class Hooks:
    """A backend's four hooks behind two methods, called as the SDK calls them."""

    backend: Any

    def put(self, scope: StateScope, key: str, value: str, generation: str = _GENERATIONS[0]) -> str:
        """Serialize a value under a key of the scope; return its reference."""
        origin = self._origin(scope, key, generation)
        name = self.name_of(key, generation)
        reference: str
        if isinstance(scope, TaskScope):
            reference = self.backend.serialize_task_state_to_ref(
                value=value, key=name, ti_id=scope.ti_id, **origin
            )
        else:
            reference = self.backend.serialize_asset_state_to_ref(
                value=value, key=name, asset_ref=scope.name, **origin
            )
        return reference

    def take(self, scope: StateScope, key: str, reference: str, generation: str = _GENERATIONS[0]) -> str:
        """Deserialize what a reference stands for."""
        origin = self._origin(scope, key, generation)
        value: str
        if isinstance(scope, TaskScope):
            value = self.backend.deserialize_task_state_from_ref(reference, **origin)
        else:
            value = self.backend.deserialize_asset_state_from_ref(reference, **origin)
        return value

    def name_of(self, key: str, generation: str = _GENERATIONS[0]) -> str:
        """Return what the hooks and ``delete`` get as their key."""
        return f"{key}~{generation}" if self.backend.immutable_refs else key

    def _origin(self, scope: StateScope, key: str, generation: str) -> dict[str, Any]:
        if not self.backend.immutable_refs:
            return {}
        return {"scope": scope, "storage_key": self.name_of(key, generation)}


class HookConformance(BackendSuite):
    #: The id of the metastore whose objects the backend of the fixture keeps; for ``list_objects``.
    store_id: ClassVar[str] = "conformance"

    def look_at_reference(self, backend: Any, reference: str) -> str | None:
        """Return the text of the object that a reference names, or None, without the backend's own methods.

        Override this when ``external_objects`` is declared.
        """
        raise NotImplementedError("override 'look_at_reference' to read the object behind the backend's back")

    @pytest.fixture(params=[TASK, _ORDERS], ids=["task", "asset"])
    def scope(self, request: pytest.FixtureRequest) -> Any:
        return request.param

    @pytest.fixture
    def hooks(self, backend: Any) -> Hooks:
        return Hooks(backend)

    @pytest.mark.parametrize("text", JSON_TEXTS)
    def test_a_value_comes_back_through_its_reference(
        self, hooks: Hooks, scope: StateScope, text: str
    ) -> None:
        reference = hooks.put(scope, "k", text)
        assert hooks.take(scope, "k", reference) == text, (
            "what the hooks took must come back as the same text"
        )

    def test_a_value_is_put_where_it_is_declared_to_be(self, hooks: Hooks, scope: StateScope) -> None:
        reference = hooks.put(scope, "k", '"kept"')
        if not self.capabilities.external_objects:
            assert reference == '"kept"', "without external_objects, serialize_* must return its argument"
            return
        assert reference != '"kept"', "with external_objects, serialize_* must return a reference"
        assert self.look_at_reference(hooks.backend, reference) == '"kept"', (
            "no object where the reference points"
        )

    def test_a_reference_is_determined_by_its_owner_and_key(self, hooks: Hooks, scope: StateScope) -> None:
        if self.capabilities.external_objects:
            first, other_value = hooks.put(scope, "k", "1"), "2"
            # A storage key is written once: an immutable backend may refuse another value under it.
            if hooks.backend.immutable_refs and _is_refused(hooks, scope, other_value):
                other_value = "1"
            second = hooks.put(scope, "k", other_value)
            assert first == second, (
                "the same owner and key must give the same reference, or delete() misses it"
            )

    def test_references_of_different_owners_or_keys_differ(self, hooks: Hooks, scope: StateScope) -> None:
        if self.capabilities.external_objects:
            places = [
                (owner, key)
                for owner in (scope, _another(scope))
                for key in ("k", "K", "k/k", "../k", "\u00e9", "e\u0301")
            ]
            references = [hooks.put(owner, key, str(n)) for n, (owner, key) in enumerate(places)]
            assert len(set(references)) == len(places), "two addresses share a reference"
            values = [
                hooks.take(*place, reference) for place, reference in zip(places, references, strict=True)
            ]
            assert values == [str(n) for n in range(len(places))], "two addresses share an object"

    def test_the_reference_of_the_longest_key_is_short_enough(self, hooks: Hooks, scope: StateScope) -> None:
        if self.capabilities.external_objects:
            reference = hooks.put(scope, _LONGEST_KEY, "1")
            size_bytes = len(reference.encode())
            assert size_bytes <= MAX_REFERENCE_BYTES, (
                f"a reference of {size_bytes:,} bytes; the limit is 4,096"
            )
            assert hooks.take(scope, _LONGEST_KEY, reference) == "1", (
                "the longest key's object cannot be read"
            )

    def test_a_second_write_replaces_the_object_or_makes_another(
        self, hooks: Hooks, scope: StateScope
    ) -> None:
        first = hooks.put(scope, "k", "1")
        second = hooks.put(scope, "k", "2", _GENERATIONS[1])
        assert hooks.take(scope, "k", second, _GENERATIONS[1]) == "2", "the second write must be read"
        if hooks.backend.immutable_refs:
            assert first != second, "an immutable backend makes a new object for every write"
            assert hooks.take(scope, "k", first) == "1", (
                "an immutable backend leaves the earlier object as it was"
            )

    def test_delete_removes_the_object_which_is_then_an_error_to_read(
        self, hooks: Hooks, scope: StateScope
    ) -> None:
        if self.capabilities.external_objects:
            reference, other = hooks.put(scope, "k", "1"), hooks.put(scope, "other", "2")
            hooks.backend.delete(scope, hooks.name_of("k"))
            left = self.look_at_reference(hooks.backend, reference)
            assert left is None, "delete() must rebuild the reference and remove the object"
            code = refusal_code(lambda: hooks.take(scope, "k", reference))
            assert code == "reference_missing", (
                f"reading an object that is gone must be reference_missing, not {code}"
            )
            assert hooks.take(scope, "other", other) == "2", "delete() took another key's object along"

    def test_an_immutable_backend_follows_no_reference_but_that_of_the_origin(
        self, hooks: Hooks, scope: StateScope
    ) -> None:
        if not hooks.backend.immutable_refs or not self.capabilities.external_objects:
            return
        own = hooks.put(scope, "k", '"own"')
        strangers = [
            hooks.put(scope, "k", '"of another write"', _GENERATIONS[1]),
            hooks.put(scope, "other", '"of another key"'),
            hooks.put(_another(scope), "k", '"of another owner"'),
            f"{own}x",
            f"../another-store/{own}",
        ]
        for reference in strangers:
            code = refusal_code(partial(hooks.take, scope, "k", reference))
            assert code != "accepted", (
                f"reading must refuse a reference that is not that of scope and storage_key: {reference}"
            )
        assert hooks.take(scope, "k", own) == '"own"', "the origin's own reference must still be read"

    def test_objects_are_listed_if_the_backend_is_immutable(self, hooks: Hooks, scope: StateScope) -> None:
        if not hooks.backend.immutable_refs:
            code = refusal_code(lambda: list(hooks.backend.list_objects(self.store_id)))
            assert code == "unsupported", f"a plain backend's list_objects() must be unsupported, not {code}"
            return
        for generation in _GENERATIONS:
            hooks.put(scope, "k", '"four"', generation)
        listed = list(hooks.backend.list_objects(self.store_id))
        found = {(owner, storage_key) for owner, storage_key, *_ in listed}
        assert found == {(scope, hooks.name_of("k", generation)) for generation in _GENERATIONS}
        # What the object takes, which a header, compression or encryption make other than the value's size.
        assert all(size_bytes > 0 for _, _, size_bytes, _ in listed), "no object that holds a value is empty"
        assert all(modified_at.tzinfo is not None for *_, modified_at in listed), "modified_at must be aware"
        assert not list(hooks.backend.list_objects("another-store")), "another store's objects were listed"


def _another(scope: StateScope) -> StateScope:
    return AssetScope(name="orders/k") if scope == _ORDERS else replace(TASK, map_index=0)


def _is_refused(hooks: Hooks, scope: StateScope, value: str) -> bool:
    return refusal_code(lambda: hooks.put(scope, "k", value)) == "invalid_request"
