"""The state of a task instance: at once, versioned, and gone at the instant it expires."""

from collections.abc import Callable
from typing import Any

import pytest
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m

from core.tests.conftest import TASK, Client, MovedClock
from core.tests.execution_api.conftest import LiveTry, Operator

DAY_SECONDS = 86_400


@pytest.mark.parametrize("value", [b"0", b'""', b"false", b"[]", b"{}", b"0.0"])
def test_a_value_that_is_nothing_much_is_not_absent(live_try: LiveTry, value: bytes) -> None:
    live_try.ask(m.Set("k", value))
    assert live_try.ask(m.Get("k")).value == value
    assert live_try.keys() == ["k"]
    with pytest.raises(errors.ConflictError):
        live_try.ask(m.Set("k", b"1", if_absent=True))


def test_an_absent_key_is_no_error(live_try: LiveTry) -> None:
    assert live_try.ask(m.Get("k")) == m.Absent("k")
    assert live_try.ask(m.Delete("k")) == m.Written(None, 0)


def test_an_entry_says_who_wrote_it_and_when(live_try: LiveTry, clock: MovedClock) -> None:
    version = live_try.ask(m.Set("k", b'"x"', retention=60.5)).version
    entry = live_try.ask(m.Get("k"))
    assert entry[:6] == ("k", b'"x"', version, 3, clock.wall_us, clock.wall_us + 60_500_000)
    assert (entry.writer.task, entry.writer.try_number) == (TASK, 1)


def test_versions_grow_and_never_come_back(live_try: LiveTry) -> None:
    first = live_try.ask(m.Set("k", b"1")).version
    live_try.ask(m.Delete("k"))
    second = live_try.ask(m.Set("k", b"1")).version
    third = live_try.ask(m.Set("other", b"1")).version
    assert first < second < third


def test_a_conditional_write_loses_with_the_version_that_stands(live_try: LiveTry) -> None:
    version = live_try.ask(m.Set("k", b"1")).version
    newer = live_try.ask(m.Set("k", b"2", if_version=version)).version
    for lost in (m.Set("k", b"3", if_version=version), m.Delete("k", if_version=version)):
        with pytest.raises(errors.ConflictError) as caught:
            live_try.ask(lost)
        assert caught.value.facts["version"] == newer
    with pytest.raises(errors.ConflictError) as caught:
        live_try.ask(m.Set("absent", b"3", if_version=version))
    assert caught.value.facts["version"] is None
    assert live_try.ask(m.Get("k")).value == b"2"
    assert live_try.ask(m.Delete("k", if_version=newer)).removed == 1


def test_two_conditions_at_once_are_refused(live_try: LiveTry) -> None:
    with pytest.raises(errors.InvalidRequestError, match="at most one"):
        live_try.ask(m.Set("k", b"1", if_version=1, if_absent=True))


def test_an_increment_of_nothing_counts_from_zero(live_try: LiveTry) -> None:
    assert live_try.ask(m.Increment("n", b"5")).value == b"5"
    entry = live_try.ask(m.Increment("n", b"-2"))
    assert entry.value == b"3"
    assert entry == live_try.ask(m.Get("n"))


def test_a_maximum_that_is_not_raised_is_not_written(live_try: LiveTry) -> None:
    raised = live_try.ask(m.SetMax("w", b'"2013-01-02"'))
    assert live_try.ask(m.SetMax("w", b'"2013-01-01"', retention=1.0)) == raised
    assert live_try.ask(m.SetMax("w", b'"2013-01-03"')).version > raised.version


@pytest.mark.parametrize("combined", [m.Increment("k", b"1"), m.SetMax("k", b"1")])
def test_what_cannot_be_combined_is_left_as_it_was(live_try: LiveTry, combined: Any) -> None:
    live_try.ask(m.Set("k", b'"text"'))
    before = live_try.ask(m.Get("k"))
    with pytest.raises(errors.InvalidValueError, match="'k'"):
        live_try.ask(combined)
    assert live_try.ask(m.Get("k")) == before


@pytest.mark.parametrize(
    "value",
    [b"NaN", b"[NaN]", b"-Infinity", b"null", b'"\\ud800"', b"1 ", b'{"a":1,"a":2}', b"", b"\xff", b"1e400"],
)
def test_values_are_checked_by_the_store_too(live_try: LiveTry, value: bytes) -> None:
    for request in (m.Set("k", value), m.Increment("k", value), m.SetMax("k", value)):
        with pytest.raises(errors.InvalidValueError):
            live_try.ask(request)
    assert live_try.keys() == []


@pytest.mark.parametrize("key", ["", "k" * 513, "a\nb", "a\x00"])
def test_keys_are_checked_in_every_request(live_try: LiveTry, key: str) -> None:
    for request in (m.Get(key), m.Set(key, b"1"), m.Delete(key), m.Increment(key, b"1"), m.SetMax(key, b"1")):
        with pytest.raises(errors.InvalidKeyError):
            live_try.ask(request)


@pytest.mark.parametrize("retention", [0.0, -1.0, float("nan"), float("inf"), "forever", 1e12])
def test_a_retention_that_is_none_is_refused(live_try: LiveTry, retention: Any) -> None:
    for request in (
        m.Set("k", b"1", retention=retention),
        m.Increment("k", b"1", retention=retention),
        m.SetMax("k", b"1", retention=retention),
    ):
        with pytest.raises(errors.InvalidRetentionError):
            live_try.ask(request)


def test_a_value_over_the_limit_is_refused_with_figure_limit_and_remedy(
    make_client: Callable[..., Client],
) -> None:
    live_try = LiveTry(make_client(max_value_bytes=12))
    live_try.ask(m.Set("k", '"ééééé"'.encode()))  # 12 bytes, 7 characters
    with pytest.raises(
        errors.ValueTooLargeError, match=r"13 bytes .* limit of 12; set \[workers\] state_backend"
    ):
        live_try.ask(m.Set("k", '"éééééx"'.encode()))
    live_try.ask(m.Set("n", b"999999999999"))
    with pytest.raises(errors.ValueTooLargeError):
        live_try.ask(m.Increment("n", b"1"))
    assert live_try.ask(m.Get("n")).value == b"999999999999"


def test_clearing_removes_the_own_entries_and_says_how_many(client: Client, live_try: LiveTry) -> None:
    neighbour = LiveTry(client, m.TaskAddress("flights", "2013", "load", 0))
    for key in ("a", "b"):
        live_try.ask(m.Set(key, b"1"))
        neighbour.ask(m.Set(key, b"1"))
    assert live_try.ask(m.Clear()) == m.Written(None, 2)
    assert (live_try.keys(), neighbour.keys()) == ([], ["a", "b"])


def test_only_an_operator_clears_all_map_indices(client: Client, operator: Operator) -> None:
    tries = [LiveTry(client, TASK._replace(map_index=index)) for index in (-1, 0, 1)]
    other = LiveTry(client, TASK._replace(task_id="load2"))
    for one in (*tries, other):
        one.ask(m.Set("k", b"1"))
    with pytest.raises(errors.ForbiddenError):
        tries[0].ask(m.Clear(all_map_indices=True))
    with pytest.raises(errors.ForbiddenError):
        tries[0].ask(m.Clear(TASK, all_map_indices=True))
    assert operator.ask(m.Clear(TASK, all_map_indices=True)).removed == 3
    assert [one.keys() for one in (*tries, other)] == [[], [], [], ["k"]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "b/c", "t"), ("a/b", "c", "t")),
        (("a", "r", "t"), ("ab", "r", "t")),
        (("assets", "r", "t"), ("asset", "sr", "t")),
        (("a", "r", "t%2F"), ("a", "r", "t/")),
        (("é", "r", "t"), ("e\u0301", "r", "t")),
    ],
)
def test_scopes_that_look_alike_do_not_meet(client: Client, one: Any, other: Any) -> None:
    first, second = LiveTry(client, m.TaskAddress(*one)), LiveTry(client, m.TaskAddress(*other))
    first.ask(m.Set("k", b"1"))
    assert second.ask(m.Get("k")) == m.Absent("k")


# --- expiry ----------------------------------------------------------------------------------------------


def test_an_entry_is_gone_at_the_instant_it_expires(live_try: LiveTry, clock: MovedClock) -> None:
    version = live_try.ask(m.Set("k", b"7", retention=10)).version
    clock.wall_us += 10_000_000 - 1
    assert live_try.ask(m.Get("k")).value == b"7"
    clock.wall_us += 1
    assert live_try.ask(m.Get("k")) == m.Absent("k")
    assert live_try.keys() == []
    assert live_try.ask(m.Delete("k")).removed == 0
    assert live_try.ask(m.Clear()).removed == 0
    with pytest.raises(errors.ConflictError) as caught:
        live_try.ask(m.Set("k", b"8", if_version=version))
    assert caught.value.facts["version"] is None


@pytest.mark.parametrize(
    ("request_after", "left"),
    [
        (m.Set("k", b"8", if_absent=True), b"8"),
        (m.Increment("k", b"1"), b"1"),
        (m.SetMax("k", b"3"), b"3"),
    ],
)
def test_what_is_written_over_an_expired_entry_starts_from_nothing(
    live_try: LiveTry, clock: MovedClock, request_after: Any, left: bytes
) -> None:
    live_try.ask(m.Set("k", b"7", retention=10))
    clock.advance(10)
    live_try.ask(request_after)
    clock.advance(365 * DAY_SECONDS)
    assert live_try.ask(m.Get("k")).value == left


def test_the_default_retention_counts_from_the_success(
    live_try: LiveTry, operator: Operator, clock: MovedClock
) -> None:
    live_try.ask(m.Set("k", b"1"))
    live_try.ask(m.Set("kept", b"1", retention="never"))
    clock.advance(40 * DAY_SECONDS)
    assert live_try.ask(m.Get("k")).expires_at is None
    live_try.finish()
    expires_at = clock.wall_us + 30 * DAY_SECONDS * 1_000_000
    assert operator.ask(m.Get("k", TASK)).expires_at == expires_at
    clock.wall_us = expires_at - 1
    assert operator.keys(TASK) == ["k", "kept"]
    clock.wall_us = expires_at
    assert operator.keys(TASK) == ["kept"]
    assert operator.ask(m.Get("k", TASK)) == m.Absent("k")


def test_a_rerun_lifts_the_default_retention(client: Client, live_try: LiveTry, clock: MovedClock) -> None:
    live_try.ask(m.Set("k", b"1"))
    live_try.finish()
    clock.advance(29 * DAY_SECONDS)
    again = LiveTry(client, rerun=True)
    clock.advance(300 * DAY_SECONDS)
    assert again.keys() == ["k"]


def test_a_rerun_brings_nothing_back_that_had_expired(
    client: Client, live_try: LiveTry, clock: MovedClock
) -> None:
    live_try.ask(m.Set("k", b"1"))
    live_try.finish()
    clock.advance(30 * DAY_SECONDS)
    again = LiveTry(client, rerun=True)
    assert again.ask(m.Get("k")) == m.Absent("k")


@pytest.mark.parametrize("ending", ["failed", "lapsed"])
def test_state_of_a_task_that_did_not_succeed_waits_for_its_retry(
    client: Client, live_try: LiveTry, operator: Operator, clock: MovedClock, ending: str
) -> None:
    live_try.ask(m.Set("job_id", b'"j-1"'))
    if ending == "failed":
        live_try.finish(succeeded=False)
    clock.advance(364 * DAY_SECONDS)
    assert operator.keys(TASK) == ["job_id"]
    again = LiveTry(client)
    clock.advance(364 * DAY_SECONDS)
    assert operator.keys(TASK) == ["job_id"]
    again.finish(succeeded=False)
    clock.advance(365 * DAY_SECONDS)
    assert operator.keys(TASK) == []


def test_nothing_of_a_running_try_is_abandoned(
    live_try: LiveTry, operator: Operator, clock: MovedClock
) -> None:
    live_try.ask(m.Set("k", b"1"))
    clock.advance(400 * DAY_SECONDS)
    live_try.ask(m.Heartbeat())
    assert (live_try.keys(), operator.keys(TASK)) == (["k"], ["k"])


def test_zero_days_keep_for_ever(make_client: Callable[..., Client], clock: MovedClock) -> None:
    client = make_client(default_retention_us=0, abandoned_us=0)
    done, failed = LiveTry(client), LiveTry(client, TASK._replace(task_id="other"))
    for one, succeeded in ((done, True), (failed, False)):
        one.ask(m.Set("k", b"1"))
        one.finish(succeeded=succeeded)
    clock.advance(36_500 * DAY_SECONDS)
    operator = Operator(client)
    assert operator.keys(TASK) == operator.keys(TASK._replace(task_id="other")) == ["k"]


def test_what_an_operator_writes_after_the_success_is_kept_from_then_on(
    live_try: LiveTry, operator: Operator, clock: MovedClock
) -> None:
    live_try.finish()
    clock.advance(100 * DAY_SECONDS)
    operator.ask(m.Set("k", b"1", TASK))
    clock.advance(29 * DAY_SECONDS)
    assert operator.keys(TASK) == ["k"]
    clock.advance(DAY_SECONDS)
    assert operator.keys(TASK) == []
