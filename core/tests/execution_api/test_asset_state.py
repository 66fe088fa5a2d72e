"""The state of an asset: staged by a try until it succeeds, applied at once by people, kept in a history."""

from collections.abc import Callable
from typing import Any

import pytest
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m

from core.tests.conftest import TASK, Client, MovedClock
from core.tests.execution_api.conftest import FLIGHTS, LiveTry, Operator

OTHER = m.TaskAddress("flights", "2013", "other")


@pytest.fixture
def other(client: Client, live_try: LiveTry) -> LiveTry:
    """Another task that has the same outlet."""
    return LiveTry(client, OTHER)


def set_now(who: LiveTry, key: str, value: bytes) -> int:
    version: int = who.ask(m.Set(key, value, who.outlet, apply_now=True)).version
    return version


# --- who sees what, and when -----------------------------------------------------------------------------


def test_a_try_reads_its_own_staged_writes_and_nobody_else_does(
    live_try: LiveTry, other: LiveTry, operator: Operator
) -> None:
    assert live_try.ask(m.Set("w", b"1", live_try.outlet)) == m.Written(None, 0)
    seen = live_try.ask(m.Get("w", live_try.outlet))
    assert (seen.value, seen.version, seen.updated_at) == (b"1", None, None)
    assert other.ask(m.Get("w", other.outlet)) == m.Absent("w")
    assert operator.ask(m.Get("w", FLIGHTS)) == m.Absent("w")
    assert live_try.keys(live_try.outlet) == ["w"]
    assert other.keys(other.outlet) == operator.keys(FLIGHTS) == []


def test_what_is_staged_is_applied_with_the_success(
    live_try: LiveTry, other: LiveTry, clock: MovedClock
) -> None:
    live_try.ask(m.Set("w", b"1", live_try.outlet, retention=60))
    clock.advance(100)
    live_try.ask(m.Heartbeat())
    assert live_try.finish() == m.Finished("succeeded", 1)
    entry = other.ask(m.Get("w", other.outlet))
    assert (entry.value, entry.updated_at, entry.expires_at) == (
        b"1",
        clock.wall_us,
        clock.wall_us + 60_000_000,
    )
    assert (entry.writer.task, entry.writer.try_number) == (TASK, 1)


def test_a_failed_try_leaves_no_asset_write_behind(live_try: LiveTry, operator: Operator) -> None:
    live_try.ask(m.Set("w", b"1", live_try.outlet))
    live_try.ask(m.Clear(live_try.outlet))
    live_try.finish(succeeded=False)
    assert operator.ask(m.ListHistory(FLIGHTS)).changes == ()


def test_apply_now_shows_while_the_try_runs(live_try: LiveTry, other: LiveTry) -> None:
    version = set_now(live_try, "progress", b"1")
    assert other.ask(m.Get("progress", other.outlet)).version == version
    live_try.finish(succeeded=False)
    assert other.ask(m.Get("progress", other.outlet)).version == version


def test_an_operator_applies_at_once(live_try: LiveTry, operator: Operator) -> None:
    version = operator.ask(m.Set("w", b"1", FLIGHTS)).version
    assert live_try.ask(m.Get("w", live_try.outlet)).version == version
    writer = live_try.ask(m.Get("w", live_try.outlet)).writer
    assert writer == m.Writer("operator:ann")
    assert operator.ask(m.Delete("w", FLIGHTS)).removed == 1
    assert operator.ask(m.Delete("w", FLIGHTS)).removed == 0


@pytest.mark.parametrize(
    "staged", [m.Set("k", b"1"), m.Delete("k"), m.Clear(), m.Increment("k", b"1"), m.SetMax("k", b"1")]
)
@pytest.mark.parametrize(
    "at_once", [m.Set("k", b"2"), m.Delete("k"), m.Clear(), m.Increment("k", b"1"), m.SetMax("k", b"9")]
)
def test_what_is_staged_cannot_be_overtaken(live_try: LiveTry, staged: Any, at_once: Any) -> None:
    live_try.ask(staged._replace(target=live_try.outlet))
    with pytest.raises(errors.InvalidRequestError, match="staged"):
        live_try.ask(at_once._replace(target=live_try.outlet, apply_now=True))


def test_a_staged_clear_is_an_operation_on_every_key(live_try: LiveTry) -> None:
    live_try.ask(m.Set("k", b"1", live_try.outlet))
    assert set_now(live_try, "unrelated", b"1")
    live_try.ask(m.Clear(live_try.outlet))
    with pytest.raises(errors.InvalidRequestError):
        set_now(live_try, "unrelated", b"2")


def test_a_clear_hides_what_was_applied_and_not_what_is_staged_after_it(
    live_try: LiveTry, other: LiveTry
) -> None:
    for key in ("a", "b"):
        set_now(other, key, b"1")
    live_try.ask(m.Set("c", b"2", live_try.outlet))
    assert live_try.ask(m.Clear(live_try.outlet)).removed == 3
    assert live_try.ask(m.Get("a", live_try.outlet)) == m.Absent("a")
    live_try.ask(m.Set("b", b"3", live_try.outlet))
    assert live_try.keys(live_try.outlet) == ["b"]
    assert other.keys(other.outlet) == ["a", "b"]
    assert live_try.ask(m.Clear(live_try.outlet)).removed == 1
    live_try.finish()
    assert other.keys(other.outlet) == []


# --- relative writes and conditions ----------------------------------------------------------------------


def test_increments_and_maxima_are_evaluated_again_at_finish(live_try: LiveTry, other: LiveTry) -> None:
    set_now(other, "rows", b"10")
    assert live_try.ask(m.Increment("rows", b"5", live_try.outlet)).value == b"15"
    assert live_try.ask(m.SetMax("w", b"7", live_try.outlet)).value == b"7"
    set_now(other, "rows", b"100")
    set_now(other, "w", b"9")
    assert live_try.ask(m.Get("rows", live_try.outlet)).value == b"105"
    assert live_try.ask(m.Get("w", live_try.outlet)).value == b"9"
    live_try.finish()
    assert other.ask(m.Get("rows", other.outlet)).value == b"105"
    assert other.ask(m.Get("w", other.outlet)).value == b"9"


def test_a_condition_is_judged_at_once_where_it_is_lost_already(live_try: LiveTry, other: LiveTry) -> None:
    version = set_now(other, "k", b"1")
    for lost in (
        m.Set("k", b"2", live_try.outlet, if_version=version + 1),
        m.Set("k", b"2", live_try.outlet, if_absent=True),
        m.Delete("k", live_try.outlet, if_version=version + 1),
    ):
        with pytest.raises(errors.ConflictError) as caught:
            live_try.ask(lost)
        assert caught.value.facts["version"] == version
    assert live_try.finish() == m.Finished("succeeded", 0)


@pytest.mark.parametrize(
    "staged",
    [m.Set("k", b"2", if_version=1), m.Delete("k", if_version=1), m.Set("new", b"2", if_absent=True)],
)
def test_a_condition_is_judged_again_at_finish(live_try: LiveTry, other: LiveTry, staged: Any) -> None:
    assert set_now(other, "k", b"1") == 1
    live_try.ask(m.Set("untouched", b"1", live_try.outlet))
    live_try.ask(staged._replace(target=live_try.outlet))
    live_try.ask(m.Set(staged.key, b"3", live_try.outlet))  # a later write does not lift the condition
    stands = set_now(other, staged.key, b"9")
    with pytest.raises(errors.ConflictError) as caught:
        live_try.finish()
    assert caught.value.facts["version"] == stands
    assert other.ask(m.Get(staged.key, other.outlet)).value == b"9"
    assert other.ask(m.Get("untouched", other.outlet)) == m.Absent("untouched")


def test_a_condition_on_what_the_try_has_staged_itself(live_try: LiveTry) -> None:
    live_try.ask(m.Set("k", b"1", live_try.outlet))
    with pytest.raises(errors.ConflictError) as caught:
        live_try.ask(m.Set("k", b"2", live_try.outlet, if_version=1))
    assert caught.value.facts["version"] is None
    with pytest.raises(errors.ConflictError):
        live_try.ask(m.Set("k", b"2", live_try.outlet, if_absent=True))
    live_try.ask(m.Delete("k", live_try.outlet))
    live_try.ask(m.Set("k", b"3", live_try.outlet, if_absent=True))
    live_try.finish()


def test_a_value_that_cannot_be_added_to_any_more_fails_the_try(
    live_try: LiveTry, other: LiveTry, operator: Operator
) -> None:
    live_try.ask(m.Increment("rows", b"5", live_try.outlet))
    set_now(other, "rows", b'"many"')
    with pytest.raises(errors.InvalidValueError, match="'rows'"):
        live_try.finish()
    assert operator.ask(m.Get("rows", FLIGHTS)).value == b'"many"'
    assert operator.ask(m.ListTries(task_id="load")).tries[0].status == "failed"


def test_nothing_is_applied_to_an_asset_that_was_deactivated_meanwhile(
    live_try: LiveTry, operator: Operator
) -> None:
    live_try.ask(m.Set("k", b"1", live_try.outlet))
    operator.ask(m.Deactivate(FLIGHTS))
    with pytest.raises(errors.AssetInactiveError):
        live_try.ask(m.Set("k", b"2", live_try.outlet))
    with pytest.raises(errors.AssetInactiveError):
        live_try.finish()
    operator.ask(m.Restore(FLIGHTS))
    assert operator.keys(FLIGHTS) == []


def test_expired_entries_are_absent_to_staged_writes(
    live_try: LiveTry, other: LiveTry, clock: MovedClock
) -> None:
    other.ask(m.Set("k", b"7", other.outlet, retention=10, apply_now=True))
    clock.advance(10)
    assert live_try.ask(m.Increment("k", b"1", live_try.outlet)).value == b"1"
    assert live_try.keys(live_try.outlet) == ["k"]
    live_try.finish()
    assert other.ask(m.Get("k", other.outlet)).value == b"1"


def test_a_watermark_does_not_expire_by_default(
    live_try: LiveTry, operator: Operator, clock: MovedClock
) -> None:
    live_try.ask(m.Set("w", b"1", live_try.outlet))
    live_try.finish()
    clock.advance(3_650 * 86_400)
    assert operator.ask(m.Get("w", FLIGHTS)).expires_at is None


# --- limits ----------------------------------------------------------------------------------------------


def test_a_try_stages_ten_thousand_operations_and_no_more(live_try: LiveTry, client: Client) -> None:
    staged = m.Increment("n", b"1", live_try.outlet)
    live_try.ask(m.Batch((staged,) * 10))
    assert client.rows("SELECT staged_operations FROM tries") == [(10,)]
    # Nearly all of them are counted here only: 40,000 statements are no matter of seconds on every machine.
    client.store.transact(lambda work: work.tx.run("UPDATE tries SET staged_operations = 9980"))
    live_try.ask(m.Batch((staged,) * 20))
    with pytest.raises(errors.ValueTooLargeError, match=r"10,001 operations, over the limit of 10,000"):
        live_try.ask(m.Increment("n", b"1", live_try.outlet))
    assert live_try.ask(m.Get("n", live_try.outlet)).value == b"30"
    assert live_try.finish() == m.Finished("succeeded", 10_000)


def test_a_try_stages_eight_mebibytes_and_no_more(live_try: LiveTry) -> None:
    value = b'"' + b"x" * 65_534 + b'"'
    for index in range(127):
        live_try.ask(m.Set(f"{index:03}", value, live_try.outlet))
    with pytest.raises(errors.ValueTooLargeError, match=r"is 8,388,992 bytes .* limit of 8,388,608"):
        live_try.ask(m.Set("127", value, live_try.outlet))
    assert len(live_try.keys(live_try.outlet)) == 127
    assert live_try.finish().applied_operations == 127


# --- history ---------------------------------------------------------------------------------------------


def changes(operator: Operator, key: str | None = None) -> list[tuple[str, str, bytes | None]]:
    found = operator.ask(m.ListHistory(FLIGHTS, key)).changes
    versions = [change.version for change in found]
    assert versions == sorted(set(versions), reverse=True)
    return [(change.key, change.change, change.value) for change in found]


def test_a_history_is_told_in_pages_that_fit_into_a_frame(live_try: LiveTry, operator: Operator) -> None:
    value = b'"' + b"x" * 65_534 + b'"'
    for of_batch in range(6):
        sets = [m.Set(f"{of_batch}-{n}", value, live_try.outlet, apply_now=True) for n in range(50)]
        live_try.ask(m.Batch(tuple(sets)))
    pages = [operator.ask(m.ListHistory(FLIGHTS, limit=1_000))]
    while pages[-1].before is not None:
        pages.append(operator.ask(m.ListHistory(FLIGHTS, limit=1_000, before=pages[-1].before)))
    assert [sum(len(row.value) for row in page.changes) <= 16 * 1024 * 1024 for page in pages] == [True] * 2
    versions = [row.version for page in pages for row in page.changes]
    assert len(versions) == 300
    assert versions == sorted(set(versions), reverse=True)


def test_a_page_of_a_history_says_where_the_next_begins(live_try: LiveTry, operator: Operator) -> None:
    first, second, third = (set_now(live_try, "k", b"%d" % n) for n in range(3))
    page = operator.ask(m.ListHistory(FLIGHTS, "k", limit=2))
    assert ([row.version for row in page.changes], page.before) == ([third, second], second)
    last = operator.ask(m.ListHistory(FLIGHTS, "k", limit=2, before=second))
    assert ([row.version for row in last.changes], last.before) == ([first], None)
    assert operator.ask(m.ListHistory(FLIGHTS, "k", before=-(2**63))) == m.History(())


def test_a_page_of_a_history_has_a_change_however_large_it_is(make_client: Callable[..., Client]) -> None:
    client = make_client(max_value_bytes=32 * 1024 * 1024)
    live_try, value = LiveTry(client), b'"' + b"x" * 17 * 1024 * 1024 + b'"'
    newest = [set_now(live_try, "k", value) for _ in range(2)][-1]
    page = Operator(client).ask(m.ListHistory(FLIGHTS))
    assert ([row.version for row in page.changes], page.before) == ([newest], newest)


def test_every_change_leaves_a_row_with_its_writer(
    live_try: LiveTry, operator: Operator, clock: MovedClock
) -> None:
    set_now(live_try, "a", b"1")
    live_try.ask(m.Delete("a", live_try.outlet, apply_now=True))
    set_now(live_try, "a", b"2")
    set_now(live_try, "b", b"3")
    operator.ask(m.Clear(FLIGHTS))
    assert changes(operator, "a") == [
        ("a", "clear", None),
        ("a", "set", b"2"),
        ("a", "delete", None),
        ("a", "set", b"1"),
    ]
    assert changes(operator)[0] == ("b", "clear", None)
    cleared, first = operator.ask(m.ListHistory(FLIGHTS, "a")).changes[::3]
    assert (cleared.writer.principal, cleared.writer.task) == ("operator:ann", None)
    assert (first.writer.task, first.writer.try_number, first.changed_at) == (TASK, 1, clock.wall_us)


def test_a_try_leaves_one_row_per_key_whatever_it_staged(live_try: LiveTry, operator: Operator) -> None:
    operator.ask(m.Set("gone", b"1", FLIGHTS))
    operator.ask(m.Set("left", b"1", FLIGHTS))
    outlet = live_try.outlet
    for staged in (
        m.Set("w", b"1", outlet),
        m.SetMax("w", b"5", outlet),
        m.Delete("gone", outlet),
        m.Set("never", b"1", outlet),
        m.Delete("never", outlet),
        m.SetMax("left", b"0", outlet),
    ):
        live_try.ask(staged)
    assert live_try.finish().applied_operations == 6
    assert changes(operator) == [
        ("w", "set", b"5"),
        ("gone", "delete", None),
        ("left", "set", b"1"),
        ("gone", "set", b"1"),
    ]


def test_clearing_nothing_leaves_no_row(live_try: LiveTry, operator: Operator) -> None:
    operator.ask(m.Clear(FLIGHTS))
    live_try.ask(m.Clear(live_try.outlet))
    live_try.ask(m.Delete("k", live_try.outlet))
    live_try.finish()
    assert changes(operator) == []


def test_each_key_keeps_its_newest_versions(make_client: Callable[..., Client]) -> None:
    client = make_client(asset_history_versions=3)
    live_try, operator = LiveTry(client), Operator(client)
    set_now(live_try, "quiet", b"0")
    for number in range(5):
        set_now(live_try, "busy", str(number).encode())
    assert changes(operator, "busy") == [("busy", "set", b"4"), ("busy", "set", b"3"), ("busy", "set", b"2")]
    assert changes(operator, "quiet") == [("quiet", "set", b"0")]


def test_the_history_is_for_readers_of_the_asset(client: Client, live_try: LiveTry) -> None:
    set_now(live_try, "k", b"1")
    assert len(live_try.ask(m.ListHistory(live_try.outlet)).changes) == 1
    assert live_try.ask(m.ListHistory(live_try.inlet)).changes == ()
    with pytest.raises(errors.AssetNotDeclaredError):
        live_try.ask(m.ListHistory(99))
    with pytest.raises(errors.InvalidRequestError, match="assets only"):
        live_try.ask(m.ListHistory(None))


def test_a_staged_write_is_in_no_history(live_try: LiveTry) -> None:
    live_try.ask(m.Set("k", b"1", live_try.outlet))
    assert live_try.ask(m.ListHistory(live_try.outlet, "k")).changes == ()


# --- what is relative to what others may change ----------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "is_relative"),
    [
        ([m.Increment("k", b"1")], True),
        ([m.SetMax("k", b"9")], True),
        ([m.Set("k", b"1")], False),
        ([m.Set("k", b"1"), m.Increment("k", b"1")], False),
        ([m.Increment("k", b"1"), m.Set("k", b"1")], False),
        ([m.Delete("k"), m.Increment("k", b"1")], False),
        ([m.Clear(), m.Increment("k", b"1")], False),
    ],
)
def test_an_entry_says_whether_it_is_reckoned_from_what_others_may_change(
    live_try: LiveTry, operator: Operator, steps: list[Any], is_relative: bool
) -> None:
    operator.ask(m.Set("k", b"5", target=FLIGHTS))
    for step in steps:
        live_try.ask(step._replace(target=live_try.outlet))
    assert live_try.ask(m.Get("k", target=live_try.outlet)).is_relative == is_relative


def test_maxima_of_long_texts_fold_into_one(live_try: LiveTry, client: Client) -> None:
    for number in range(20):
        live_try.ask(m.SetMax("k", f'"2024-01-01 00:00:00.{number:06}"'.encode(), target=live_try.outlet))
    [(rows,)] = client.store.transact(lambda work: work.tx.rows("SELECT count(*) FROM staged_operations"))
    assert rows == 1
    assert live_try.ask(m.Get("k", target=live_try.outlet)).value == b'"2024-01-01 00:00:00.000019"'
