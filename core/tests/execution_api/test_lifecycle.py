"""A try starts, lives and ends as the protocol says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m

from core.tests.conftest import Client, MovedClock

TASK = m.TaskAddress("flights", "2013", "load")
WORKER = m.WorkerClaims("here")
OPERATOR = m.OperatorClaims("ann")
FLIGHTS = m.AssetAddress("flights", "duckdb://flights")


def ask_for_flights(client: Client) -> Any:
    return client.ask(OPERATOR, m.Get("watermark", target=FLIGHTS))


def test_tries_are_numbered_from_one_and_share_their_instance(client: Client) -> None:
    first = client.ask(WORKER, m.Start(TASK))
    client.ask(m.TryClaims(first.instance_id, 1), m.Finish(succeeded=False, exit_status=3))
    second = client.ask(WORKER, m.Start(TASK))
    assert (first.try_number, second.try_number) == (1, 2)
    assert (first.instance_id, first.ti_id) == (second.instance_id, second.ti_id)
    assert (first.previous_status, second.previous_status) == (None, "failed")


def test_a_start_is_refused_while_a_lease_is_live(client: Client, clock: MovedClock) -> None:
    client.start(lease_seconds=60, supervisor="host:7")
    clock.advance(59)
    with pytest.raises(errors.TryRunningError, match=r"host:7; its lease has 1 s left"):
        client.start()


def test_a_refused_start_leaves_no_trace(client: Client) -> None:
    client.start()
    with pytest.raises(errors.TryRunningError):
        client.start(outlets=(m.AssetAddress("new"),))
    with pytest.raises(errors.NotFoundError):
        client.ask(OPERATOR, m.Get("k", target=m.AssetAddress("new")))


def test_a_lapsed_lease_permits_takeover_and_the_old_try_is_told(client: Client, clock: MovedClock) -> None:
    old = client.start(lease_seconds=60)
    client.ask(old, m.Set("job", b'"id-1"'))
    clock.advance(61)
    new = client.start()
    for request in (m.Get("job"), m.Set("job", b"2"), m.Heartbeat(), m.Finish(succeeded=True)):
        with pytest.raises(errors.SupersededError, match="superseded by try 2"):
            client.ask(old, request)
    assert client.ask(new, m.Get("job")).value == b'"id-1"'


def test_a_lapsed_try_may_renew_until_somebody_takes_over(client: Client, clock: MovedClock) -> None:
    claims = client.start(lease_seconds=60)
    clock.advance(3600)
    assert client.ask(claims, m.Heartbeat()).lease_seconds == 60
    with pytest.raises(errors.TryRunningError):
        client.start()


def test_a_heartbeat_reaches_as_far_as_it_asks(client: Client, clock: MovedClock) -> None:
    claims = client.start(lease_seconds=1)
    client.ask(claims, m.Heartbeat(lease_seconds=10))
    clock.advance(9)
    with pytest.raises(errors.TryRunningError):
        client.start()
    clock.advance(1)
    client.start()


@pytest.mark.parametrize("jump_days", [-400, 400])
def test_a_wall_clock_that_jumps_neither_frees_nor_freezes_a_lease(
    client: Client, clock: MovedClock, jump_days: int
) -> None:
    client.start(lease_seconds=60)
    clock.wall_us += jump_days * 86_400 * 1_000_000
    with pytest.raises(errors.TryRunningError):
        client.start()
    clock.advance(60)
    client.start()


def test_no_lease_outlives_the_machines_restart(client: Client, clock: MovedClock) -> None:
    client.start(lease_seconds=60)
    clock.boot_id, clock.boot_us = "second boot", 10
    client.start()


def test_who_holds_the_lock_takes_over_at_once(client: Client) -> None:
    old = client.start(lease_seconds=60)
    new = client.ask(WORKER, m.Start(TASK, holds_lock=True))
    assert (new.try_number, new.previous_status) == (2, "running")
    assert client.ask(OPERATOR, m.ListTries()).tries[1].reason == "not finished when try 2 began"
    with pytest.raises(errors.SupersededError):
        client.ask(old, m.Get("k"))


def test_who_has_the_secret_of_the_running_try_takes_over_at_once(client: Client) -> None:
    old = client.start(holder="0" * 32)
    new = client.ask(WORKER, m.Start(TASK, holder="1" * 32, holds_lock_of=("2" * 32, "0" * 32)))
    assert (new.try_number, new.previous_status) == (2, "running")
    with pytest.raises(errors.SupersededError):
        client.ask(old, m.Get("k"))


@pytest.mark.parametrize("secrets", [("0" * 32,), ("2" * 32,), ("",), ("1" * 31,), ()])
def test_any_other_secret_is_no_licence(client: Client, secrets: tuple[str, ...]) -> None:
    client.start(holder="0" * 32)
    client.start(holder="1" * 32, holds_lock_of=("0" * 32,))
    with pytest.raises(errors.TryRunningError):
        client.start(holder="3" * 32, holds_lock_of=secrets)


def test_a_try_without_a_secret_is_taken_over_with_none(client: Client) -> None:
    client.start()
    with pytest.raises(errors.TryRunningError):
        client.start(holds_lock_of=("", "0" * 32))


@pytest.mark.parametrize("options", [{"holder": "0" * 65}, {"holds_lock_of": ("0",) * 20}])
def test_secrets_are_short_and_few(client: Client, options: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidRequestError, match="holder"):
        client.start(**options)


def test_after_a_success_only_a_rerun_starts(client: Client) -> None:
    claims = client.start()
    client.ask(claims, m.Set("rows", b"5"))
    client.ask(claims, m.Finish(succeeded=True, exit_status=0))
    with pytest.raises(errors.AlreadySucceededError, match=r"in try 1 at 2023-11-14T22:13:20Z"):
        client.start()
    again = client.start(rerun=True)
    assert client.ask(again, m.Get("rows")).value == b"5"


def test_a_fresh_rerun_clears_task_state_in_the_start(client: Client) -> None:
    claims = client.start()
    client.ask(claims, m.Set("rows", b"5"))
    client.ask(claims, m.Finish(succeeded=True))
    again = client.start(rerun=True, fresh=True)
    assert client.ask(again, m.Get("rows")) == m.Absent("rows")


def test_fresh_without_rerun_is_refused(client: Client) -> None:
    with pytest.raises(errors.InvalidRequestError, match="without rerun"):
        client.start(fresh=True)


@pytest.mark.parametrize("outcome", [True, False])
def test_a_finished_try_can_neither_read_nor_write(client: Client, outcome: bool) -> None:
    claims = client.start()
    client.ask(claims, m.Finish(succeeded=outcome))
    for request in (m.Get("k"), m.Set("k", b"1"), m.Heartbeat(), m.AddGrant(FLIGHTS)):
        with pytest.raises(errors.TryFinishedError):
            client.ask(claims, request)


def test_finishing_again_gives_the_same_answer_whatever_is_asked(client: Client) -> None:
    claims = client.start(outlets=(FLIGHTS,))
    [asset] = client.ask(OPERATOR, m.ListAssets()).assets
    client.ask(claims, m.Set("watermark", b"1", target=asset.asset_id))
    first = client.ask(claims, m.Finish(succeeded=True), "a")
    assert first == m.Finished("succeeded", 1)
    assert client.ask(claims, m.Finish(succeeded=True), "a") == first
    assert client.ask(claims, m.Finish(succeeded=False), "b") == first


def test_a_staged_write_shows_only_from_the_success_on(client: Client) -> None:
    started = client.ask(WORKER, m.Start(TASK, outlets=(FLIGHTS,)))
    claims, asset_id = m.TryClaims(started.instance_id, 1), started.grants[0].asset_id
    client.ask(claims, m.Set("watermark", b"1", target=asset_id))
    assert client.ask(claims, m.Get("watermark", target=asset_id)).value == b"1"
    assert ask_for_flights(client) == m.Absent("watermark")
    client.ask(claims, m.Finish(succeeded=True))
    assert ask_for_flights(client).value == b"1"


@pytest.mark.parametrize("end", ["failed", "superseded"])
def test_a_try_that_fails_or_is_superseded_leaves_no_asset_write(client: Client, end: str) -> None:
    started = client.ask(WORKER, m.Start(TASK, outlets=(FLIGHTS,)))
    claims, asset_id = m.TryClaims(started.instance_id, 1), started.grants[0].asset_id
    client.ask(claims, m.Set("watermark", b"1", target=asset_id))
    if end == "failed":
        client.ask(claims, m.Finish(succeeded=False))
    again = client.ask(WORKER, m.Start(TASK, outlets=(FLIGHTS,), holds_lock=True))
    claims = m.TryClaims(again.instance_id, again.try_number)
    assert client.ask(claims, m.Get("watermark", target=asset_id)) == m.Absent("watermark")
    client.ask(claims, m.Finish(succeeded=True))
    assert ask_for_flights(client) == m.Absent("watermark")


def test_a_staged_condition_that_no_longer_holds_fails_the_try_and_applies_nothing(client: Client) -> None:
    started = client.ask(WORKER, m.Start(TASK, outlets=(FLIGHTS,)))
    claims, asset_id = m.TryClaims(started.instance_id, 1), started.grants[0].asset_id
    client.ask(claims, m.Set("other", b"7", target=asset_id))
    client.ask(claims, m.Set("watermark", b"1", target=asset_id, if_absent=True))
    client.ask(OPERATOR, m.Set("watermark", b"9", target=FLIGHTS))
    for _ in range(2):
        with pytest.raises(errors.ConflictError):
            client.ask(claims, m.Finish(succeeded=True))
    assert ask_for_flights(client).value == b"9"
    assert client.ask(OPERATOR, m.Get("other", target=FLIGHTS)) == m.Absent("other")
    assert client.ask(OPERATOR, m.ListTries()).tries[0].status == "failed"


def test_task_state_goes_in_the_success_where_the_store_says_so(
    tmp_path: Path, clock: MovedClock, make_client: Callable[..., Client]
) -> None:
    client = make_client(clear_on_success=True)
    claims = client.start()
    client.ask(claims, m.Set("rows", b"5"))
    client.ask(claims, m.Finish(succeeded=False))
    claims = client.start()
    assert client.ask(claims, m.Get("rows")).value == b"5"
    client.ask(claims, m.Finish(succeeded=True))
    claims = client.start(rerun=True)
    assert client.ask(claims, m.Get("rows")) == m.Absent("rows")


def test_a_grant_can_be_added_and_keeps_its_right_to_write(client: Client) -> None:
    claims = client.start(outlets=(FLIGHTS,))
    grant = client.ask(claims, m.AddGrant(m.AssetAddress("flights"), writable=False))
    assert grant.writable
    added = client.ask(claims, m.AddGrant(m.AssetAddress("weather"), writable=True))
    client.ask(claims, m.Set("k", b"1", target=added.asset_id))


@pytest.mark.parametrize("lease_seconds", [0, -1, 86_401])
def test_a_lease_outside_the_limits_is_refused(client: Client, lease_seconds: float) -> None:
    with pytest.raises(errors.InvalidRequestError, match="lease"):
        client.start(lease_seconds=lease_seconds)


@pytest.mark.parametrize("claims", [m.OperatorClaims("ann"), m.TryClaims(1, 1)])
def test_only_a_worker_starts_tries(client: Client, claims: m.Claims) -> None:
    with pytest.raises(errors.ForbiddenError):
        client.ask(claims, m.Start(TASK))


def test_a_workers_claims_read_no_state(client: Client) -> None:
    with pytest.raises(errors.UnauthenticatedError):
        client.ask(WORKER, m.Get("k"))
