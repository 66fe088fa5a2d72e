"""What an operation sends: within the limit, and under a request id where repeating it could do harm."""

from __future__ import annotations

from typing import Any

import pytest
from statekeep._shared.state import messages as m
from statekeep._shared.state.errors import BackendMismatchError, ValueTooLargeError
from statekeep.accessors.operations import StateOperations, request_id_for

TASK = m.TaskAddress("etl", "r", "load")
OBJECT = m.External("s3://b/k", "old", "k~1", TASK, 9, b"d" * 32)

NEEDING: list[tuple[Any, bool]] = [
    (m.Get("k"), False),
    (m.ListEntries(), False),
    (m.ListHistory(1), False),
    (m.Set("k", b"1"), False),
    (m.Delete("k"), False),
    (m.Clear(), False),
    (m.Set("k", b"", external=OBJECT), True),
    (m.Set("k", b"1", if_version=0), True),
    (m.Set("k", b"1", if_absent=True), True),
    (m.Delete("k", if_version=1), True),
    (m.Set("k", b"1", 1), True),
    (m.Delete("k", 1), True),
    (m.Clear(1), True),
    (m.Increment("k", b"1"), True),
    (m.SetMax("k", b"1"), True),
    (m.Batch((m.Set("k", b"1"),)), True),
    (m.AddGrant(m.AssetAddress("a")), True),
]


@pytest.mark.parametrize(("request_", "needs_one"), NEEDING)
def test_what_may_not_be_done_twice_has_a_request_id(request_: Any, needs_one: bool) -> None:
    assert (request_id_for(request_) is not None) is needs_one


def test_a_value_over_the_limit_is_refused_with_what_to_do() -> None:
    wanted = (
        r"value for 'k' is 12 bytes encoded, over the limit of 11; "
        r"set \[workers\] state_backend to keep large values on the worker"
    )
    limited = StateOperations(None, 11)
    with pytest.raises(ValueTooLargeError, match=wanted):
        limited.set("k", "x" * 10)
    with pytest.raises(ValueTooLargeError, match=wanted):
        limited.set_max("k", "x" * 10, None)


def test_without_a_limit_any_size_is_sent() -> None:
    operations = StateOperations(None, None)
    assert len(operations.set("k", "x" * 1_000_000).request.value) == 1_000_002


def test_a_value_that_no_backend_fetched_is_no_value() -> None:
    entry = m.Entry("k", b"", 1, 9, external=OBJECT)
    operations = StateOperations(None, None)
    for read in (operations.get("k", "default", None).read, operations.entry("k", None).read):
        with pytest.raises(BackendMismatchError):
            read(entry)
