"""The base class: what is abstract, what the defaults do, and whose subclasses count."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statekeep_shared.state import BaseStateBackend, TaskScope
from statekeep_shared.state.errors import UnsupportedError

VENDORED: Any = import_module("statekeep._shared.state")
THE_EIGHT = {"get", "set", "delete", "clear", "aget", "aset", "adelete", "aclear"}
HOOKS = {
    "serialize_task_state_to_ref": {"value": "v", "key": "k", "ti_id": "t"},
    "serialize_asset_state_to_ref": {"value": "v", "key": "k", "asset_ref": "a"},
}


def minimal(base: Any) -> Any:
    """Return a backend as its author writes it who has read nothing but the signatures."""

    class Minimal(base):  # type: ignore[misc]  # the base is whichever copy is asked for
        def get(self, scope: Any, key: str) -> str | None: ...
        def set(self, scope: Any, key: str, value: str) -> None: ...
        def delete(self, scope: Any, key: str) -> None: ...
        def clear(self, scope: Any, *, all_map_indices: bool = False) -> None: ...
        async def aget(self, scope: Any, key: str) -> str | None: ...
        async def aset(self, scope: Any, key: str, value: str) -> None: ...
        async def adelete(self, scope: Any, key: str) -> None: ...
        async def aclear(self, scope: Any, *, all_map_indices: bool = False) -> None: ...

    return Minimal


def test_exactly_eight_methods_are_abstract() -> None:
    assert BaseStateBackend.__abstractmethods__ == THE_EIGHT


@pytest.mark.parametrize("missing", sorted(THE_EIGHT))
def test_a_class_that_lacks_one_of_the_eight_cannot_be_made(missing: str) -> None:
    complete = minimal(BaseStateBackend)
    incomplete = type("Incomplete", (complete,), {missing: getattr(BaseStateBackend, missing)})
    complete()
    with pytest.raises(TypeError, match=missing):
        incomplete()


@pytest.mark.parametrize("name", ["get", "set", "delete", "clear"])
def test_the_two_halves_have_the_same_signature(name: str) -> None:
    blocking, twin = (getattr(BaseStateBackend, method) for method in (name, f"a{name}"))
    assert inspect.signature(blocking) == inspect.signature(twin)
    assert inspect.iscoroutinefunction(twin)


@given(st.text())
def test_by_default_a_hook_returns_its_argument(value: str) -> None:
    backend = minimal(BaseStateBackend)()
    for hook, arguments in HOOKS.items():
        assert getattr(backend, hook)(**{**arguments, "value": value}) == value
    assert backend.deserialize_task_state_from_ref(value) == value
    assert backend.deserialize_asset_state_from_ref(value) == value


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_the_arguments_of_a_serializing_hook_are_named(hook: str) -> None:
    kinds = {p.name: p.kind for p in inspect.signature(getattr(BaseStateBackend, hook)).parameters.values()}
    del kinds["self"]
    assert kinds == dict.fromkeys(HOOKS[hook], inspect.Parameter.KEYWORD_ONLY)


def test_by_default_a_backend_is_plain_cleans_nothing_up_and_lists_no_objects() -> None:
    backend = minimal(BaseStateBackend)()
    assert backend.immutable_refs is False
    assert backend.cleanup() is None
    with pytest.raises(UnsupportedError, match="list_objects"):
        backend.list_objects("store")


def test_a_backend_is_known_by_the_path_of_its_class() -> None:
    backend = minimal(BaseStateBackend)()
    assert backend.backend_id == f"{__name__}.minimal.<locals>.Minimal"


def test_a_backend_of_either_copy_is_a_backend_on_the_other_side() -> None:
    ours, theirs = minimal(BaseStateBackend), minimal(VENDORED.BaseStateBackend)
    assert VENDORED.BaseStateBackend is not BaseStateBackend
    assert issubclass(theirs, BaseStateBackend)
    assert issubclass(ours, VENDORED.BaseStateBackend)
    assert isinstance(theirs(), BaseStateBackend)
    assert isinstance(ours(), VENDORED.BaseStateBackend)


def test_what_is_no_backend_is_none_in_any_copy() -> None:
    assert not issubclass(TaskScope, BaseStateBackend)
    assert not isinstance(VENDORED.TaskScope("a", "b", "c"), BaseStateBackend)
    assert not issubclass(dict, VENDORED.BaseStateBackend)
