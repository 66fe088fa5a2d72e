"""What a backend is told, which of its halves is called, and what is too much for an event loop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from statekeep import AssetScope, TaskScope
from statekeep._shared.state import messages as m
from statekeep._shared.state.identity import ti_id_of
from statekeep.accessors import backend_calls
from statekeep.accessors.drivers import arun
from statekeep.accessors.flows import BackendCall, Flow
from worker_backends import ORDERS, TASK, Answers, Drive, Immutable, Plain

SCOPE = TaskScope("etl", "2026-01-01", "load")
TI_ID = ti_id_of(*TASK)
KEY = f"k~{'a' * 26}"


def told_by(step: BackendCall) -> dict[str, Any]:
    return dict(step.blocking.keywords)  # type: ignore[attr-defined]  # a partial call


def asking(step: BackendCall) -> Flow[Any]:
    return (yield step)


TOLD: list[tuple[Any, Any, dict[str, Any]]] = [
    (Plain(), TASK, {"value": "1", "key": "k", "ti_id": TI_ID}),
    (Plain(), ORDERS, {"value": "1", "key": "k", "asset_ref": "orders"}),
    (Plain(), m.AssetAddress(None, "s3://x"), {"value": "1", "key": "k", "asset_ref": "s3://x"}),
    (Immutable(), TASK, {"value": "1", "key": "k", "ti_id": TI_ID, "scope": SCOPE, "storage_key": "k"}),
    (
        Immutable(),
        ORDERS,
        {
            "value": "1",
            "key": "k",
            "asset_ref": "orders",
            "scope": AssetScope(name="orders"),
            "storage_key": "k",
        },
    ),
]


@pytest.mark.parametrize(("backend", "origin", "told"), TOLD)
def test_a_hook_is_told_what_the_contract_says_and_no_more(
    backend: Any, origin: Any, told: dict[str, Any]
) -> None:
    assert told_by(backend_calls.serialize(backend, origin, "1", "k")) == told


@pytest.mark.parametrize(
    ("backend", "told"), [(Plain(), {}), (Immutable(), {"scope": SCOPE, "storage_key": KEY})]
)
def test_a_reader_is_told_the_origin_where_it_is_immutable(backend: Any, told: dict[str, Any]) -> None:
    external = m.External("r", "b", KEY, TASK, 1)
    assert told_by(backend_calls.deserialize(backend, external)) == told


class WithTwin(Plain):
    def serialize_task_state_to_ref(self, *, value: str, key: str, ti_id: str) -> str:
        return "blocking"

    async def aserialize_task_state_to_ref(self, *, value: str, key: str, ti_id: str) -> str:
        return "async"


class Overriding(WithTwin):
    def serialize_task_state_to_ref(self, *, value: str, key: str, ti_id: str) -> str:
        return "of the subclass"


def test_an_async_half_is_used_unless_a_subclass_overrides_the_blocking_one_alone() -> None:
    given = [
        asyncio.run(
            arun(asking(backend_calls.serialize(backend, TASK, "1", "k")), Answers([])),
        )
        for backend in (WithTwin(), Overriding())
    ]
    assert given == ["async", "of the subclass"]


def test_a_method_without_an_async_half_is_called_in_a_thread(drive: Drive) -> None:
    backend = Plain()
    step = backend_calls.serialize(backend, TASK, "1", "k")
    assert step.asynchronous is None
    assert drive(asking(step), Answers([])) == f"{TI_ID}/k"


def test_much_work_is_kept_off_the_event_loop_and_little_is_done_at_once() -> None:
    with pytest.raises(StopIteration) as end:
        next(backend_calls.computed(lambda: 5, 1_000))
    assert end.value.value == 5
    assert isinstance(next(backend_calls.computed(lambda: 5, 1_000_000)), BackendCall)


def test_objects_are_deleted_in_one_call_where_the_backend_can_do_that() -> None:
    class Bulk(Immutable):
        def delete_objects(self, objects: Any) -> None:
            self.story += [storage_key for _, storage_key in objects]

    for backend in (Bulk(), Immutable()):
        steps = backend_calls.delete(backend, [(SCOPE, "a"), (SCOPE, "b")])
        for step in steps:
            step.blocking()
        assert len(steps) == (1 if isinstance(backend, Bulk) else 2)
        assert [line.removeprefix("delete ") for line in backend.story] == ["a", "b"]


@pytest.mark.parametrize(("backend", "must_end"), [(Plain(), True), (Immutable(), False)])
def test_only_what_overwrites_in_place_must_end_before_its_caller_goes_on(
    backend: Any, must_end: bool
) -> None:
    assert backend_calls.serialize(backend, TASK, "1", "k").must_end is must_end
    assert [step.must_end for step in backend_calls.delete(backend, [(SCOPE, "k")])] == [must_end]
