"""What the store says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from statekeep_core.embedded import open_store
from statekeep_core.policy import Policy, Work
from statekeep_core.server.telemetry import store_figures as figures_module
from statekeep_core.server.telemetry.store_figures import StoreFigures, store_figures

from core.tests.server.served import Served, run

ADD = (
    "INSERT INTO external_objects (backend_id, storage_key, reference, origin, size_bytes, digest, due_at)"
    " VALUES (?, ?, 'r', 'o', 1, ?, ?)"
)


def add_objects(work: Work, *objects: tuple[Any, ...]) -> None:
    for number, (backend_id, digest, due_at) in enumerate(objects):
        work.tx.run(ADD, (backend_id, f"k{number}", digest, due_at))


def test_objects_count_when_workers_are_to_delete_them(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state.db", Policy())
    try:
        due = [("b", b"d", 300), ("a", b"d", 200), ("a", b"d", 400)]
        named, in_place = ("a", b"d", None), ("a", None, 100)
        store.transact(lambda work: add_objects(work, *due, named, in_place))
        figures: StoreFigures = store.transact(store_figures)
    finally:
        store.close()
    assert (figures.pending_disposals, figures.oldest_due_at_us) == (3, 200)


def test_running_tries_count_until_they_end(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        token = await served.started()
        assert (await served.engine.transact(store_figures)).running_tries == 1
        await served.ask("/execution/v1/finish", {"succeeded": False}, token)
        assert (await served.engine.transact(store_figures)).running_tries == 0

    run(tmp_path, scenario)


def test_no_count_goes_on_for_ever(tmp_path: Path) -> None:
    most = figures_module._MOST_COUNTED
    store = open_store(tmp_path / "state.db", Policy())
    try:
        store.transact(lambda work: add_objects(work, *[("b", b"d", 1)] * (most + 5)))
        figures: StoreFigures = store.transact(store_figures)
    finally:
        store.close()
    assert figures.pending_disposals == most
