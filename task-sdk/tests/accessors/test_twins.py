"""Every blocking method has an async twin, and the two never drift apart."""

from __future__ import annotations

import inspect

import pytest
from statekeep.accessors.asset_state import AssetStateAccessor
from statekeep.accessors.task_state import TaskStateAccessor
from statekeep.context import Context

# Batches are prepared without I/O, and are sent by `with` or `async with`.
WITHOUT_TWIN = {"batch"}
BOTH = {
    "clear",
    "delete",
    "entries",
    "entry",
    "get",
    "increment",
    "keys",
    "set",
    "set_max",
    "update",
}


def methods_of(cls: type) -> dict[str, object]:
    return {
        name: method
        for name, method in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_")
    }


def blocking_methods() -> list[tuple[type, str]]:
    return [
        (cls, name)
        for cls in (TaskStateAccessor, AssetStateAccessor, Context)
        for name, method in methods_of(cls).items()
        if not inspect.iscoroutinefunction(method) and name not in WITHOUT_TWIN
    ]


def test_the_surface_is_the_one_that_is_promised() -> None:
    promised = BOTH | {f"a{name}" for name in BOTH} | WITHOUT_TWIN
    assert set(methods_of(TaskStateAccessor)) == promised
    assert set(methods_of(AssetStateAccessor)) == promised | {"history", "ahistory"}


@pytest.mark.parametrize(("cls", "name"), blocking_methods())
def test_a_blocking_method_and_its_twin_have_one_signature(cls: type, name: str) -> None:
    twin = getattr(cls, f"a{name}")
    assert inspect.iscoroutinefunction(twin)
    assert inspect.signature(twin) == inspect.signature(getattr(cls, name))


@pytest.mark.parametrize(("cls", "name"), blocking_methods())
def test_a_twin_refers_to_its_blocking_method(cls: type, name: str) -> None:
    assert inspect.getdoc(getattr(cls, name))
    assert (inspect.getdoc(getattr(cls, f"a{name}")) or "").startswith(f"As :meth:`{name}`, without blocking")


def test_no_async_method_is_without_a_blocking_one() -> None:
    for cls in (TaskStateAccessor, AssetStateAccessor, Context):
        names = methods_of(cls)
        assert {name[1:] for name, method in names.items() if inspect.iscoroutinefunction(method)} <= set(
            names
        )


def test_an_asset_accepts_whatever_task_state_accepts() -> None:
    for name in BOTH:
        of_task = inspect.signature(getattr(TaskStateAccessor, name)).parameters
        of_asset = inspect.signature(getattr(AssetStateAccessor, name)).parameters
        assert {**of_asset, **of_task} == dict(of_asset)
        assert set(of_asset) - set(of_task) <= {"commit"}
