"""Entries as a task sees them."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statekeep._shared.state import messages
from statekeep._shared.state.errors import BackendMismatchError
from statekeep.accessors.entries import change_from, entry_from, value_from


@given(st.datetimes(timezones=st.just(datetime.UTC)))
def test_an_instant_keeps_every_microsecond(instant: datetime.datetime) -> None:
    since_epoch = instant - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    instant_us = since_epoch // datetime.timedelta(microseconds=1)
    entry = messages.Entry("k", b"0", 1, 1, updated_at=instant_us, expires_at=instant_us)
    assert entry_from(entry, None).updated_at == instant
    assert entry_from(entry, None).expires_at == instant


def test_a_change_that_left_no_value_has_none() -> None:
    assert change_from(messages.Change("k", 1, "delete", 0), None).value is None
    assert change_from(messages.Change("k", 1, "set", 0, b"0"), None).value == 0


OBJECT = messages.External(
    "s3://b/k", "old", "k~1", messages.TaskAddress("etl", "r", "load", 3), 9, b"d" * 32
)


@pytest.mark.parametrize(
    "reply",
    [
        messages.Entry("k", b"", 1, 9, external=OBJECT),
        messages.Change("k", 1, "set", 0, external=OBJECT),
    ],
    ids=["entry", "change"],
)
def test_a_value_that_no_backend_fetched_is_never_read_as_anything(reply: Any) -> None:
    with pytest.raises(BackendMismatchError) as raised:
        value_from(reply, None)
    facts = {"scope": "etl/r/load[3]", "key": "k", "reference": "s3://b/k", "backend_id": "old"}
    assert raised.value.facts == facts
