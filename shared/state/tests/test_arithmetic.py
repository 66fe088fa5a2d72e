"""Sums and maxima of encoded values."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statekeep_shared.state import decode, encode
from statekeep_shared.state.arithmetic import encode_for_max, incremented, maximum
from statekeep_shared.state.errors import InvalidValueError

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.integers() | FLOATS
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
OFFSETS = st.integers(-1_439, 1_439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.builds(
    lambda microseconds, offset: (NOON + timedelta(microseconds=microseconds)).astimezone(offset),
    st.integers(-(6 * 10**16), 25 * 10**16),
    OFFSETS,
)


@given(st.integers(), st.integers())
def test_ints_add_up_exactly(stored: int, by: int) -> None:
    assert decode(incremented(encode(stored), by)) == stored + by
    assert incremented(encode(stored), encode(by)) == incremented(encode(stored), by)


@given(NUMBERS)
def test_an_absent_entry_counts_as_zero(by: int | float) -> None:
    assert incremented(None, by) == encode(by)


def test_a_sum_with_a_float_is_a_float() -> None:
    assert incremented(b"5", 0.5) == b"5.5"
    assert incremented(b"0.5", 1) == b"1.5"
    assert incremented(b"1.0", 1) == b"2.0"


@pytest.mark.parametrize(
    ("stored", "by"),
    [
        (encode(1.7e308), 1.7e308),
        (encode(-1.7e308), encode(-1.7e308)),
        (encode(10**4_300 - 1), 1),
        (encode(10**400), 0.5),
    ],
)
def test_a_sum_out_of_range_is_refused(stored: bytes, by: Any) -> None:
    with pytest.raises(InvalidValueError, match="4,300 digits"):
        incremented(stored, by)


@pytest.mark.parametrize("other", ["5", True, [1], {"a": 1}])
def test_only_numbers_are_incremented_and_only_by_numbers(other: Any) -> None:
    with pytest.raises(InvalidValueError, match="not a number"):
        incremented(encode(other), 1)
    with pytest.raises(InvalidValueError, match="not a number"):
        incremented(b"1", encode(other))
    with pytest.raises(InvalidValueError, match="not a number"):
        incremented(None, encode(other))


@pytest.mark.parametrize("by", [float("nan"), float("inf"), True, None, "1"])
def test_an_increment_that_is_no_finite_number_is_refused(by: Any) -> None:
    with pytest.raises(InvalidValueError):
        incremented(b"1", by)


@given(NUMBERS, NUMBERS)
def test_int_and_float_compare_exactly(stored: int | float, given_: int | float) -> None:
    expected = given_ if Fraction(given_) > Fraction(stored) else stored
    assert maximum(encode(stored), encode(given_)) == encode(expected)


def test_an_int_that_no_float_holds_is_not_rounded() -> None:
    assert maximum(b"9007199254740992.0", b"9007199254740993") == b"9007199254740993"
    assert maximum(b"9007199254740993", b"9007199254740992.0") == b"9007199254740993"
    assert maximum(encode(1.7e308), encode(10**309)) == encode(10**309)


def test_on_a_tie_what_is_stored_stays() -> None:
    assert maximum(b"5", b"5.0") == b"5"
    assert maximum(b"5.0", b"5") == b"5.0"


@given(TEXTS, TEXTS)
def test_strings_compare_by_code_point(stored: str, given_: str) -> None:
    expected = max(stored, given_, key=lambda text: [ord(character) for character in text])
    assert maximum(encode(stored), encode_for_max(given_)) == encode(expected)


def test_code_points_and_not_utf_16_units_count() -> None:
    assert decode(maximum(encode("\uffff"), encode("\U0001f600"))) == "\U0001f600"


@given(INSTANTS, INSTANTS)
def test_instants_compare_by_time_whatever_their_offsets(stored: datetime, given_: datetime) -> None:
    result = maximum(encode_for_max(stored), encode_for_max(given_))
    assert decode(result, type=datetime) == max(stored, given_)


@given(INSTANTS, INSTANTS)
def test_an_instant_that_was_stored_with_set_compares_by_time_too(stored: datetime, given_: datetime) -> None:
    result = maximum(encode(stored), encode_for_max(given_))
    assert decode(result, type=datetime) == max(stored, given_)


@given(INSTANTS, INSTANTS)
def test_the_order_of_code_points_of_canonical_instants_is_the_order_of_time(
    one: datetime, other: datetime
) -> None:
    assert (encode_for_max(one) < encode_for_max(other)) == (one < other)


def test_an_instant_is_sent_in_utc_with_six_digits() -> None:
    in_paris = datetime(2026, 1, 1, 13, tzinfo=timezone(timedelta(hours=1)))
    assert encode_for_max(in_paris) == b'"2026-01-01T12:00:00.000000Z"'
    assert encode_for_max(datetime(1, 1, 1, tzinfo=UTC)) == b'"0001-01-01T00:00:00.000000Z"'
    assert encode_for_max(date(2026, 1, 1)) == b'"2026-01-01"'


@given(st.dates(), st.dates())
def test_dates_compare_by_time(stored: date, given_: date) -> None:
    assert decode(maximum(encode(stored), encode_for_max(given_)), type=date) == max(stored, given_)


@pytest.mark.parametrize(
    ("stored", "given_"),
    [
        ("a", 1),
        (1, "a"),
        ([1], 1),
        (True, 1),
        ({}, "a"),
        (NOON, 1),
        (1, NOON),
        (date(2026, 1, 1), NOON),
        ("yesterday", NOON),
        (NOON.replace(tzinfo=None), NOON),
    ],
    ids=repr,
)
def test_what_is_stored_and_what_is_given_must_be_alike(stored: Any, given_: Any) -> None:
    with pytest.raises(InvalidValueError, match="give one of the same kind"):
        maximum(encode(stored), encode_for_max(given_))


def test_a_date_or_a_word_never_replaces_an_instant() -> None:
    for other in (date(2027, 1, 1), "zzz"):
        with pytest.raises(InvalidValueError, match="give one of the same kind"):
            maximum(encode_for_max(NOON), encode_for_max(other))


@pytest.mark.parametrize("value", [True, None, [1], {"a": 1}, b"x", NOON.replace(tzinfo=None), float("nan")])
def test_what_has_no_order_is_refused_before_it_is_sent(value: Any) -> None:
    with pytest.raises(InvalidValueError):
        encode_for_max(value)


@pytest.mark.parametrize("given_", [b"true", b"[1]", b'{"a":1}'])
def test_what_has_no_order_is_refused_where_it_arrives(given_: bytes) -> None:
    for stored in (None, b"1"):
        with pytest.raises(InvalidValueError, match="has no order"):
            maximum(stored, given_)


def test_a_naive_datetime_is_told_what_it_lacks() -> None:
    with pytest.raises(InvalidValueError, match="without a time zone"):
        encode_for_max(NOON.replace(tzinfo=None))


def test_an_instant_outside_the_years_in_utc_is_refused() -> None:
    ahead = timezone(timedelta(hours=1))
    with pytest.raises(InvalidValueError, match="years 1 to 9999"):
        encode_for_max(datetime(1, 1, 1, tzinfo=ahead))


def test_nothing_stored_takes_what_is_given() -> None:
    assert maximum(None, b"5") == b"5"
    assert maximum(None, encode_for_max(NOON)) == encode_for_max(NOON)
