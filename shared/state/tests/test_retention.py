"""Retention: as asked, on the wire, as an instant, and as a person writes it."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statekeep_shared.state import NEVER, check_retention, parse_retention
from statekeep_shared.state.errors import InvalidRetentionError
from statekeep_shared.state.retention import check_wire, expires_at, to_wire

VENDORED: Any = import_module("statekeep._shared.state")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEAST, MOST = timedelta(milliseconds=1), timedelta(days=36_525)


@given(st.timedeltas(LEAST, MOST))
def test_an_entry_expires_exactly_its_retention_after_it_was_written(retention: timedelta) -> None:
    wire = to_wire(retention)
    check_wire(wire)
    assert expires_at(wire, NOW) == NOW + retention


@pytest.mark.parametrize("retention", [NEVER, None])
def test_never_and_none_travel_as_they_are_and_set_no_expiry(retention: Any) -> None:
    check_retention(retention)
    assert to_wire(retention) == retention
    assert expires_at(to_wire(retention), NOW) is None


def test_never_is_one_and_the_same_in_every_copy_and_after_pickling() -> None:
    assert VENDORED.NEVER == NEVER
    assert to_wire(VENDORED.NEVER) == NEVER
    assert to_wire(pickle.loads(pickle.dumps(NEVER))) == NEVER


@pytest.mark.parametrize(
    "retention",
    [
        timedelta(0),
        timedelta(seconds=-1),
        LEAST - timedelta.resolution,
        MOST + timedelta.resolution,
        timedelta.max,
    ],
)
def test_a_duration_out_of_bounds_is_refused_with_the_bounds(retention: timedelta) -> None:
    with pytest.raises(InvalidRetentionError, match=r"outside 0\.001 s to 3,155,760,000 s \(100 years\)"):
        check_retention(retention)


@pytest.mark.parametrize("retention", [30, 1.5, "30d", "forever", "", True, 0, b"never"])
def test_what_is_no_retention_is_refused(retention: Any) -> None:
    with pytest.raises(InvalidRetentionError, match="give a timedelta"):
        check_retention(retention)


@pytest.mark.parametrize("wire", [0, -1.0, float("nan"), float("inf"), 1e300, True, "30d", "", [1]])
def test_what_no_caller_may_send_is_refused_where_it_arrives(wire: Any) -> None:
    with pytest.raises(InvalidRetentionError):
        check_wire(wire)
    with pytest.raises(InvalidRetentionError):
        expires_at(wire, NOW)


@pytest.mark.parametrize(
    ("text", "retention"),
    [
        ("30d", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("15m", timedelta(minutes=15)),
        ("90s", timedelta(seconds=90)),
        ("36525d", MOST),
        ("never", NEVER),
    ],
)
def test_a_person_writes_a_number_with_a_unit_or_never(text: str, retention: Any) -> None:
    assert parse_retention(text) == retention
    check_retention(parse_retention(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30",
        "d",
        "1w",
        "1 d",
        "-1d",
        "1.5h",
        "0s",
        "36526d",
        "9" * 5_000 + "s",
        "\u0661d",
        "1d\n",
        "Never",
        "1D",
    ],
)
def test_what_a_person_may_not_write_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InvalidRetentionError, match="30d, 12h, 15m or 90s, or never"):
        parse_retention(text)
