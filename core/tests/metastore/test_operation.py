"""Operations that are folded into one do what they did one after the other."""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from statekeep_core._shared.state.errors import InvalidValueError
from statekeep_core._shared.state.messages import Entry
from statekeep_core.metastore.operation import Operation, dump_retention, load_retention
from statekeep_core.metastore.replay import Replay

SPELLINGS = [
    "2013-01-01T00:00:00.000000Z",
    "2013-01-01T01:00:00+02:00",
    "2013-01-01T00:30:00+01:00",
    "20130101T000000.000000000Z",
    "2013-01-01",
    "b",
    "a longer text than any date",
]
values = st.one_of(
    st.integers(-3, 3), st.floats(-3, 3), st.sampled_from(SPELLINGS), st.booleans(), st.just(10**400)
).map(lambda value: json.dumps(value).encode())
retentions = st.sampled_from([None, "never", 5.0])
operations = st.one_of(
    st.builds(Operation, st.just("k"), st.sampled_from(["set", "increment", "set_max"]), values, retentions),
    st.just(Operation("k", "delete")),
)


def replayed(base: bytes | None, *steps: Operation) -> tuple[object, ...] | None:
    entry = None if base is None else Entry("k", base, 7, len(base))
    try:
        replay = Replay("k", entry).take_all(steps)
    except InvalidValueError:
        return None  # refused
    # Without a value nothing is left for a retention to concern.
    kept = replay.retention if replay.value is not None else None
    return replay.value, replay.change is not None, kept


def same(value: object, other: object) -> bool:
    """Return whether two values are equal, the last digits of a float aside."""
    if value == other or not (isinstance(value, bytes) and isinstance(other, bytes)):
        return value == other
    one, two = json.loads(value), json.loads(other)
    return type(one) is type(two) is float and math.isclose(one, two, rel_tol=1e-12, abs_tol=1e-12)


@given(base=st.none() | values, first=operations, second=operations)
@example(  # by time the second is the greater, by code point the first, and the base lies between them
    base=b'"2012-12-31T23:15:00.000000Z"',
    first=Operation("k", "set_max", b'"2013-01-01T01:00:00+02:00"'),
    second=Operation("k", "set_max", b'"2013-01-01T00:30:00+01:00"'),
)
@example(base=None, first=Operation("k", "increment", b"1"), second=Operation("k", "increment", b"1", 5.0))
@example(base=None, first=Operation("k", "set", b"5", 5.0), second=Operation("k", "set_max", b"3"))
@example(base=b"0.1", first=Operation("k", "increment", b"0.2"), second=Operation("k", "increment", b"0.3"))
def test_folding_changes_nothing(base: bytes | None, first: Operation, second: Operation) -> None:
    one_by_one = replayed(base, first, second)
    if one_by_one is None:
        return  # what the try was refused was never staged
    try:
        folded = first.folded_with(second)
    except InvalidValueError:
        assert second.kind == "increment"  # a sum out of range, which what stands brings back into it
        return
    if folded is None:
        return
    at_once = replayed(base, folded)
    assert at_once is not None
    value, changed, retention = at_once
    assert same(value, one_by_one[0])
    assert retention == one_by_one[2]
    # Removing what the first of the two made is no change where there was nothing.
    assert changed == one_by_one[1] or (base is None and value is None)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Operation("k", "set", b"1", if_version=3), Operation("k", "set", b"2")),
        (Operation("k", "set", b"1", if_absent=True), Operation("k", "delete")),
        (Operation("k", "delete", if_version=3), Operation("k", "increment", b"2")),
    ],
)
def test_a_folded_operation_keeps_the_condition(first: Operation, second: Operation) -> None:
    folded = first.folded_with(second)
    assert folded is not None
    assert (folded.if_version, folded.if_absent) == (first.if_version, first.if_absent)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Operation("k", "increment", b"1"), Operation("k", "increment", b"2")),
        (Operation("k", "increment", b"0.1"), Operation("k", "increment", b"2")),
        (Operation("k", "set_max", b"1"), Operation("k", "set_max", b"2.5")),
        (Operation("k", "set_max", b'"2013-01-01"'), Operation("k", "set_max", b'"2013-01-02"')),
        (
            Operation("k", "set_max", b'"2013-01-01T00:00:00.000000Z"'),
            Operation("k", "set_max", b'"2013-01-02T00:00:00.000000Z"'),
        ),
    ],
)
def test_what_a_loop_does_to_one_key_is_one_operation(first: Operation, second: Operation) -> None:
    assert first.folded_with(second) is not None


@pytest.mark.parametrize("retention", [None, "never", 1.5, 86_400])
def test_a_retention_survives_the_table(retention: float | str | None) -> None:
    assert load_retention(dump_retention(retention)) == retention
