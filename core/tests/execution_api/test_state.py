"""Batches and pages: all or nothing, in order, bounded."""

from collections.abc import Callable
from typing import Any

import pytest
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m

from core.tests.conftest import Client
from core.tests.execution_api.conftest import LiveTry


def keys_of(page: m.Entries) -> list[str]:
    return [entry.key for entry in page.entries]


# --- batches ---------------------------------------------------------------------------------------------


def test_a_batch_is_answered_in_order_and_sees_itself(live_try: LiveTry) -> None:
    outlet = live_try.outlet
    done = live_try.ask(
        m.Batch(
            (
                m.Set("k", b"1"),
                m.Get("k"),
                m.Increment("k", b"1"),
                m.Set("w", b"5", outlet),
                m.Get("w", outlet),
                m.Delete("k"),
                m.Get("k"),
            )
        )
    )
    assert [type(reply).__name__ for reply in done.replies] == [
        "Written",
        "Entry",
        "Entry",
        "Written",
        "Entry",
        "Written",
        "Absent",
    ]
    assert [done.replies[position].value for position in (1, 2, 4)] == [b"1", b"2", b"5"]


@pytest.mark.parametrize(
    ("refused", "error"),
    [
        (m.Set("k", b"2", if_version=999), errors.ConflictError),
        (m.Set("k", b"NaN"), errors.InvalidValueError),
        (m.Get(""), errors.InvalidKeyError),
        (m.Set("k", b"1", 10_000), errors.AssetNotDeclaredError),
        (m.Set("k", b'"' + b"x" * 70_000 + b'"'), errors.ValueTooLargeError),
    ],
)
def test_a_refused_operation_is_named_and_takes_the_batch_with_it(
    live_try: LiveTry, refused: Any, error: type[errors.StatekeepError]
) -> None:
    live_try.ask(m.Set("k", b"0"))
    before = (m.Set("k", b"1"), m.Set("w", b"1", live_try.outlet), m.Clear())
    with pytest.raises(error, match=r"^operation 4 of the batch: ") as caught:
        live_try.ask(m.Batch((*before, refused, m.Set("after", b"1"))))
    assert caught.value.facts["operation_number"] == 4
    assert live_try.ask(m.Get("k")).value == b"0"
    assert live_try.keys() == ["k"]
    assert live_try.keys(live_try.outlet) == []
    assert live_try.finish().applied_operations == 0


def test_a_batch_has_at_most_a_thousand_operations(live_try: LiveTry) -> None:
    assert len(live_try.ask(m.Batch((m.Increment("n", b"1"),) * 1_000)).replies) == 1_000
    with pytest.raises(errors.InvalidRequestError, match=r"1,001 operations, over the limit of 1,000"):
        live_try.ask(m.Batch((m.Increment("n", b"1"),) * 1_001))
    assert live_try.ask(m.Batch(())) == m.BatchDone(())


def test_a_batch_that_could_not_be_answered_changes_nothing(make_client: Callable[..., Client]) -> None:
    live_try = LiveTry(make_client(max_value_bytes=32 * 1024 * 1024))
    live_try.ask(m.Set("big", b'"' + b"x" * 17_000_000 + b'"'))
    with pytest.raises(errors.ValueTooLargeError, match="what the batch reads is 34,000,004 bytes"):
        live_try.ask(m.Batch((m.Set("k", b"1"), m.Get("big"), m.Get("big"))))
    assert live_try.keys() == ["big"]


# --- pages -----------------------------------------------------------------------------------------------

ODD_KEYS = [
    "%",
    "A",
    "_",
    "a",
    "a%",
    "a_",
    "aa",
    "a~",
    "é",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "\U0001f600",
    "\U0010ffff",
]


@pytest.fixture(params=["task", "applied", "staged", "mixed"])
def filled(request: pytest.FixtureRequest, live_try: LiveTry) -> m.Target:
    """A target that holds the odd keys, in each of the ways in which a try can see them."""
    target = None if request.param == "task" else live_try.outlet
    for index, key in enumerate(ODD_KEYS):
        at_once = request.param == "applied" or (request.param == "mixed" and index % 2 == 0)
        live_try.ask(m.Set(key, b"1", target, apply_now=at_once))
    return target


def test_keys_are_listed_by_code_point(live_try: LiveTry, filled: m.Target) -> None:
    assert live_try.keys(filled) == sorted(ODD_KEYS)


@pytest.mark.parametrize("prefix", ["", "a", "a%", "_", "%", "\ud7ff", "\U0010ffff", "absent"])
def test_a_prefix_is_literal(live_try: LiveTry, filled: m.Target, prefix: str) -> None:
    page = live_try.ask(m.ListEntries(filled, prefix))
    assert keys_of(page) == sorted(key for key in ODD_KEYS if key.startswith(prefix))


@pytest.mark.parametrize("limit", [1, 2, 3, 13, 14, 15])
def test_pages_join_into_the_whole(live_try: LiveTry, filled: m.Target, limit: int) -> None:
    found: list[str] = []
    after: str | None = None
    while True:
        page = live_try.ask(m.ListEntries(filled, "", after, limit))
        assert len(page.entries) <= limit
        found += keys_of(page)
        after = page.after
        if after is None:
            break
    assert found == sorted(ODD_KEYS)


def test_a_list_has_values_only_where_they_are_asked_for(live_try: LiveTry, filled: m.Target) -> None:
    bare, full = (live_try.ask(m.ListEntries(filled, with_values=wanted)).entries for wanted in (False, True))
    assert {(entry.value, entry.size_bytes) for entry in bare} == {(b"", 1)}
    assert full == tuple(live_try.ask(m.Get(key, filled)) for key in sorted(ODD_KEYS))


def test_a_page_follows_what_the_try_has_staged(live_try: LiveTry) -> None:
    outlet = live_try.outlet
    for key in "abcdef":
        live_try.ask(m.Set(key, b"1", outlet, apply_now=True))
    for key in "acd":
        live_try.ask(m.Delete(key, outlet))
    live_try.ask(m.Increment("e", b"1", outlet))
    live_try.ask(m.Set("bb", b"1", outlet))
    page = live_try.ask(m.ListEntries(outlet, limit=3, with_values=True))
    assert [(entry.key, entry.value) for entry in page.entries] == [("b", b"1"), ("bb", b"1"), ("e", b"2")]
    assert keys_of(live_try.ask(m.ListEntries(outlet, after=page.after))) == ["f"]


def test_a_page_has_at_most_a_thousand_entries(live_try: LiveTry) -> None:
    for start in (0, 1_000):
        live_try.ask(m.Batch(tuple(m.Set(f"{start + n:04}", b"1") for n in range(1_000))))
    page = live_try.ask(m.ListEntries(limit=5_000))
    assert (len(page.entries), page.after) == (1_000, "0999")
    for limit in (0, -1):
        with pytest.raises(errors.InvalidRequestError, match="limit"):
            live_try.ask(m.ListEntries(limit=limit))


def test_a_page_with_large_values_ends_early(make_client: Callable[..., Client]) -> None:
    live_try = LiveTry(make_client(max_value_bytes=10_000_000))
    large = b'"' + b"x" * 5_000_000 + b'"'
    for key in ("a", "b", "c"):
        live_try.ask(m.Set(key, large))
    page = live_try.ask(m.ListEntries(with_values=True))
    assert (keys_of(page), page.after) == (["a"], "a")
    assert keys_of(live_try.ask(m.ListEntries())) == ["a", "b", "c"]


def test_a_page_reads_no_more_values_than_would_be_too_large_together(
    make_client: Callable[..., Client],
) -> None:
    live_try = LiveTry(make_client(max_value_bytes=10_000_000))
    keys = [f"{number}" for number in range(9)]
    live_try.ask(m.Batch(tuple(m.Set(key, b"1") for key in keys)))
    page = live_try.ask(m.ListEntries(with_values=True))
    assert (keys_of(page), page.after) == (keys[:6], "5")
    assert keys_of(live_try.ask(m.ListEntries(after=page.after, with_values=True))) == keys[6:]
    assert keys_of(live_try.ask(m.ListEntries())) == keys


@pytest.mark.parametrize("listing", [m.ListEntries(prefix="a\n"), m.ListEntries(after="\x00")])
def test_a_list_with_what_is_no_part_of_a_key_is_refused(live_try: LiveTry, listing: Any) -> None:
    with pytest.raises(errors.InvalidKeyError):
        live_try.ask(listing)
