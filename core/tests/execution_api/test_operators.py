"""What people do outside any try: look at what ran, rewind, take assets out of use and bring them back."""

from collections.abc import Callable
from typing import Any

import pytest
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m
from statekeep_core.metastore import try_rows

from core.tests.conftest import TASK, WORKER, Client, MovedClock
from core.tests.execution_api.conftest import FLIGHTS, PLANES, LiveTry, Operator


def set_now(live_try: LiveTry, key: str, value: bytes) -> int:
    version: int = live_try.ask(m.Set(key, value, live_try.outlet, apply_now=True)).version
    return version


# --- rewinding -------------------------------------------------------------------------------------------


def test_rewinding_sets_a_kept_value_under_a_new_version(live_try: LiveTry, operator: Operator) -> None:
    old = set_now(live_try, "w", b"1")
    newer = set_now(live_try, "w", b"2")
    version = operator.ask(m.Rewind(FLIGHTS, "w", old)).version
    assert version > newer
    entry = operator.ask(m.Get("w", FLIGHTS))
    assert (entry.value, entry.version, entry.writer.principal) == (b"1", version, "operator:ann")
    change = operator.ask(m.ListHistory(FLIGHTS, "w")).changes[0]
    assert (change.change, change.value, change.version) == ("rewind", b"1", version)


def test_rewinding_needs_a_kept_version_with_a_value(live_try: LiveTry, operator: Operator) -> None:
    set_now(live_try, "w", b"1")
    other = set_now(live_try, "other", b"1")
    operator.ask(m.Delete("w", FLIGHTS))
    deleted = operator.ask(m.ListHistory(FLIGHTS, "w")).changes[0].version
    with pytest.raises(errors.InvalidRequestError, match="left no value"):
        operator.ask(m.Rewind(FLIGHTS, "w", deleted))
    with pytest.raises(errors.NotFoundError, match=f"version {other} of 'w'"):
        operator.ask(m.Rewind(FLIGHTS, "w", other))
    with pytest.raises(errors.InvalidRequestError, match="assets only"):
        operator.ask(m.Rewind(TASK, "w", 1))


def test_a_staged_condition_notices_a_rewind(live_try: LiveTry, operator: Operator) -> None:
    old = set_now(live_try, "w", b"1")
    version = set_now(live_try, "w", b"2")
    live_try.ask(m.Set("w", b"3", live_try.outlet, if_version=version))
    operator.ask(m.Rewind(FLIGHTS, "w", old))
    with pytest.raises(errors.ConflictError):
        live_try.finish()
    assert operator.ask(m.Get("w", FLIGHTS)).value == b"1"


# --- tries -----------------------------------------------------------------------------------------------


def test_tries_are_listed_newest_first_with_how_they_went(
    client: Client, operator: Operator, clock: MovedClock
) -> None:
    lapsed = TASK._replace(task_id="lapsed")
    for task, succeeded in ((TASK, False), (TASK, True)):
        claims = client.start(task, supervisor="host:1")
        clock.advance(1)
        client.ask(claims, m.Finish(succeeded, 0 if succeeded else 3, None if succeeded else "exit 3"))
    client.start(lapsed)
    clock.advance(60)
    client.start(TASK._replace(map_index=4))
    rows = operator.ask(m.ListTries()).tries
    assert [(row.task.task_id, row.task.map_index, row.try_number, row.status) for row in rows] == [
        ("load", 4, 1, "running"),
        ("lapsed", -1, 1, "lapsed"),
        ("load", -1, 2, "succeeded"),
        ("load", -1, 1, "failed"),
    ]
    failed = rows[-1]
    assert (failed.exit_status, failed.reason, failed.supervisor) == (3, "exit 3", "host:1")
    assert failed.finished_at == failed.started_at + 1_000_000


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 4),
        ({"dag_id": "flights"}, 4),
        ({"task_id": "load"}, 3),
        ({"task_id": "load", "map_index": 0}, 1),
        ({"dag_id": "flights", "run_id": "2013", "task_id": "load", "map_index": -1}, 1),
        ({"dag_id": "flight"}, 0),
        ({"limit": 2}, 2),
    ],
)
def test_tries_are_filtered_by_whole_names(
    client: Client, operator: Operator, filters: dict[str, Any], count: int
) -> None:
    for task in (
        TASK,
        TASK._replace(map_index=0),
        TASK._replace(map_index=1),
        TASK._replace(task_id="loads"),
    ):
        client.start(task)
    assert len(operator.ask(m.ListTries(**filters)).tries) == count


def test_without_a_dag_the_tries_that_started_last_are_looked_through(
    client: Client, operator: Operator, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run_id, task_id in (("1", "load"), ("2", "load"), ("3", "other")):
        client.start(m.TaskAddress("flights", run_id, task_id))
        clock.advance(1)
    monkeypatch.setattr(try_rows, "_RECENT", try_rows._RECENT.replace(f"{try_rows.MOST_LOOKED_AT}", "2"))

    def runs(**filters: Any) -> list[str]:
        return [row.task.run_id for row in operator.ask(m.ListTries(**filters)).tries]

    assert runs(task_id="load") == ["2"]
    assert runs(run_id="1") == runs(map_index=-1, task_id="load", run_id="1") == []
    assert runs(task_id="load", dag_id="flights") == ["2", "1"]
    assert runs() == ["3", "2", "1"]


def test_a_try_is_listed_with_the_beginning_of_a_long_reason(client: Client, operator: Operator) -> None:
    client.ask(client.start(supervisor="s" * 5_000), m.Finish(False, 1, "r" * 5_000))
    [row] = operator.ask(m.ListTries()).tries
    assert (row.reason, row.supervisor) == ("r" * 1_000, "s" * 1_000)


# --- assets ----------------------------------------------------------------------------------------------


def test_assets_are_listed_with_what_they_hold(
    live_try: LiveTry, operator: Operator, clock: MovedClock
) -> None:
    set_now(live_try, "a", b"1")
    live_try.ask(m.Set("b", b"1", live_try.outlet, retention=1, apply_now=True))
    assert [row[1:] for row in operator.ask(m.ListAssets()).assets] == [
        ("flights", "s3://lake/flights", True, 2, clock.wall_us),
        ("planes", None, True, 0, None),
    ]
    clock.advance(1)
    operator.ask(m.Deactivate(PLANES))
    assert [(row.name, row.entries) for row in operator.ask(m.ListAssets()).assets] == [("flights", 1)]
    rows = operator.ask(m.ListAssets(include_inactive=True)).assets
    assert [(row.name, row.active) for row in rows] == [("flights", True), ("planes", False)]
    assert len(operator.ask(m.ListAssets(include_inactive=True, limit=1)).assets) == 1


def test_an_asset_comes_back_with_its_state(live_try: LiveTry, operator: Operator) -> None:
    set_now(live_try, "w", b"1")
    for _ in range(2):
        assert operator.ask(m.Deactivate(m.AssetAddress(uri=FLIGHTS.uri))) == m.Done()
    with pytest.raises(errors.AssetInactiveError):
        operator.ask(m.Get("w", FLIGHTS))
    for _ in range(2):
        assert operator.ask(m.Restore(m.AssetAddress("flights"))) == m.Done()
    assert operator.ask(m.Get("w", FLIGHTS)).value == b"1"


@pytest.mark.parametrize("request_", [m.Deactivate, m.Restore])
def test_an_asset_that_never_was_is_not_found(operator: Operator, request_: Any) -> None:
    with pytest.raises(errors.NotFoundError, match="nothing"):
        operator.ask(request_(m.AssetAddress("nothing")))


def test_a_new_asset_under_an_old_name_has_none_of_its_state(
    client: Client, live_try: LiveTry, operator: Operator
) -> None:
    set_now(live_try, "w", b"1")
    operator.ask(m.Deactivate(FLIGHTS))
    start = m.Start(TASK._replace(task_id="next"), outlets=(FLIGHTS,))
    with pytest.raises(errors.AssetInactiveError, match="restore"):
        client.ask(WORKER, start)
    renewed = client.ask(WORKER, start._replace(new_asset=True)).grants[0].asset_id
    assert renewed != live_try.outlet
    assert operator.keys(FLIGHTS) == []
    with pytest.raises(errors.InvalidRequestError, match="has its name now"):
        operator.ask(m.Restore(m.AssetAddress("flights")))
    operator.ask(m.Deactivate(FLIGHTS))
    operator.ask(m.Restore(FLIGHTS))
    assert operator.keys(FLIGHTS) == []  # the one that was deactivated last came back


def test_taking_assets_out_of_use_is_audited(make_client: Callable[..., Client], clock: MovedClock) -> None:
    client = make_client()
    live_try, operator = LiveTry(client), Operator(client)
    operator.ask(m.Deactivate(FLIGHTS))
    operator.ask(m.Restore(FLIGHTS))
    assert client.rows("SELECT principal, action, asset_id FROM audit_log") == [
        ("operator:ann", "deactivate", live_try.outlet),
        ("operator:ann", "restore", live_try.outlet),
    ]


@pytest.mark.parametrize("listing", [m.ListTries(limit=0), m.ListAssets(limit=-1)])
def test_a_list_of_nothing_is_refused(operator: Operator, listing: Any) -> None:
    with pytest.raises(errors.InvalidRequestError, match="limit"):
        operator.ask(listing)
