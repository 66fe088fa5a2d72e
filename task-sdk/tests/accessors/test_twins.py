"""Every blocking method has an async twin, and the two never drift apart."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from statekeep._shared.state import messages
from statekeep._shared.state.errors import ConflictError
from statekeep.accessors.asset_state import AssetStateAccessor
from statekeep.accessors.batch import Batch
from statekeep.accessors.operations import StateOperations
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


# --- the async half never blocks -------------------------------------------------------------------------

GIVEN: dict[str, tuple[Any, ...]] = {
    "clear": (),
    "declare": ("orders",),
    "delete": ("k",),
    "entries": (),
    "entry": ("k",),
    "get": ("k",),
    "history": (),
    "increment": ("k",),
    "keys": (),
    "set": ("k", 1),
    "set_max": ("k", 1),
    "update": ("k", lambda old: 1),
}


class OnlyAsync:
    """A transport that fails the test when the blocking half is used; its first write meets a conflict."""

    def __init__(self) -> None:
        self.conflicts = [ConflictError(key="k", version=2, wanted=1)]

    def call(self, request: Any, request_id: str | None = None) -> Any:
        raise AssertionError("the event loop was blocked")

    async def acall(self, request: Any, request_id: str | None = None) -> Any:
        await asyncio.sleep(0)
        if isinstance(request, messages.Set) and request.if_version is not None and self.conflicts:
            raise self.conflicts.pop()
        return REPLIES[type(request)]


ENTRY = messages.Entry("k", b"1", version=1, size_bytes=1)
GRANT = messages.Grant(1, "orders", None, writable=True)
REPLIES: dict[type, Any] = {
    messages.AddGrant: GRANT,
    messages.Clear: messages.Written(),
    messages.Delete: messages.Written(),
    messages.Get: ENTRY,
    messages.Increment: ENTRY,
    messages.ListEntries: messages.Entries((ENTRY,)),
    messages.ListHistory: messages.History(()),
    messages.Set: messages.Written(1),
    messages.SetMax: ENTRY,
}


@pytest.mark.parametrize(("cls", "name"), blocking_methods())
def test_a_twin_never_blocks_the_event_loop(cls: type, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(seconds: float) -> None:
        raise AssertionError("the event loop was blocked")

    monkeypatch.setattr("time.sleep", sleep)
    transport = OnlyAsync()
    task = messages.TaskAddress("etl", "2026-01-01", "load")
    context = Context(messages.Context(task, "an id", 1, (GRANT,)), transport)
    owner = {
        Context: context,
        TaskStateAccessor: context.task_state,
        AssetStateAccessor: context.asset_state["orders"],
    }[cls]
    asyncio.run(getattr(owner, f"a{name}")(*GIVEN[name]))
    assert (transport.conflicts == []) is (name == "update")


def test_a_batch_in_an_async_with_block_never_blocks_the_event_loop() -> None:
    class Batches(OnlyAsync):
        async def acall(self, request: Any, request_id: str | None = None) -> Any:
            return messages.BatchDone((messages.Written(1),))

    async def main() -> list[Any]:
        async with Batch(StateOperations(None, 100), Batches()) as batch:
            batch.set("k", 1)
        return batch.results

    assert asyncio.run(main()) == [1]
