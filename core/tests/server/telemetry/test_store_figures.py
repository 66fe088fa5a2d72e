"""What the store says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from statekeep_core.embedded import open_store
from statekeep_core.policy import Policy, Work
from statekeep_core.server.telemetry import store_figures as figures_module
from statekeep_core.server.telemetry.store_figures import StoreFigures, store_figures

from core.tests.conftest import Client, sqlite_only
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


def test_the_oldest_is_found_behind_however_many_of_another_backend(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures_module, "_MOST_COUNTED", 2)
    assert client.store.transact(store_figures).oldest_due_at_us == 0
    due = [("a", b"d", 500)] * 3 + [("b", b"d", 400), ("c", b"d", 300), ("c", b"d", 600)]
    client.store.transact(lambda work: add_objects(work, *due, ("d", b"d", None), ("d", None, 100)))
    assert client.store.transact(store_figures)[1:3] == (2, 300)


@sqlite_only
def test_the_figures_read_no_whole_table(client: Client) -> None:
    plan = client.rows(f"EXPLAIN QUERY PLAN {figures_module._OLDEST_DUE}")
    of_objects = [step for *_, step in plan if "external_objects" in step]
    assert len(of_objects) == 3
    assert all(step.startswith("SEARCH") for step in of_objects), plan


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
