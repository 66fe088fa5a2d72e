"""The judge is judged: a ledger for each way to break a promise, and some that look odd and are right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.checker import judge
from tests.crash.ledger import (
    Acknowledged,
    Attempt,
    Done,
    Effect,
    Glimpse,
    Ledger,
    LockTaken,
    Record,
    Refused,
    Seen,
    Snapshot,
    whole,
)

A, B = whole("a"), whole("b")
SET_A = Effect("task", "set", "k", A)
SET_B = Effect("task", "set", "k", B)
ADD = Effect("task", "increment", "n", 1)
RAISE = Effect("staged", "set_max", "watermark", 5)
AT_ONCE = Effect("asset", "set", "progress", A)
RUNNING, SUCCEEDED, FAILED = {1: "running"}, {1: "succeeded"}, {1: "failed"}


def written(*effects: Effect, results: tuple[int | None, ...] | None = None, by: int = 1) -> list[Record]:
    """An acknowledged write."""
    return [Attempt(by, effects), Acknowledged(by, results or (None,) * len(effects))]


FIRST = Seen(1, {}, {})

BROKEN: dict[str, tuple[int, list[Record]]] = {
    "an acknowledged write is not there in the next try": (
        1,
        [FIRST, *written(SET_A), Seen(2, {}, {})],
    ),
    "an older value is back": (
        1,
        [FIRST, *written(SET_A), *written(SET_B), Seen(2, {"k": A}, {})],
    ),
    "an acknowledged write is not there for the operator": (
        1,
        [FIRST, *written(SET_A), Snapshot(RUNNING, {}, {}, ())],
    ),
    "an asset write that was applied at once is not there": (
        1,
        [FIRST, *written(AT_ONCE), Seen(2, {}, {}), Snapshot(RUNNING, {}, {"progress": A}, ())],
    ),
    "an addition of unknown outcome took effect twice": (
        2,
        [FIRST, Attempt(1, (ADD,)), Seen(2, {"n": 2}, {})],
    ),
    "an acknowledged addition took effect twice": (
        2,
        [FIRST, *written(ADD, results=(1,)), Seen(2, {"n": 2}, {})],
    ),
    "an addition answered another sum than stands": (
        2,
        [FIRST, *written(ADD, results=(2,))],
    ),
    "half of a batch took effect": (
        2,
        [FIRST, Attempt(1, (SET_A, ADD)), Seen(2, {"k": A}, {})],
    ),
    "a refused write took effect": (
        2,
        [FIRST, Attempt(1, (ADD,)), Refused(1, "UnavailableError"), Seen(2, {"n": 1}, {})],
    ),
    "a write of unknown outcome took effect after the next try had begun": (
        2,
        [FIRST, Attempt(1, (SET_A,)), Seen(2, {}, {}), Seen(3, {"k": A}, {})],
    ),
    "a superseded try wrote": (
        3,
        [FIRST, Seen(2, {}, {}), *written(SET_A, by=1)],
    ),
    "a superseded try read": (
        3,
        [FIRST, Seen(2, {}, {}), Seen(1, {}, {})],
    ),
    "a superseded try was told something else": (
        3,
        [FIRST, Seen(2, {}, {}), Attempt(1, (SET_A,)), Refused(1, "ConflictError")],
    ),
    "a try number was given twice": (
        3,
        [FIRST, FIRST],
    ),
    "two tries run at once": (
        3,
        [FIRST, Snapshot({1: "running", 2: "running"}, {}, {}, ())],
    ),
    "a process of the try before was alive at the next start": (
        3,
        [FIRST, LockTaken(True)],
    ),
    "the next try sees what was staged": (
        4,
        [FIRST, *written(RAISE), Seen(2, {}, {"watermark": 5})],
    ),
    "the operator sees what a failed try staged": (
        4,
        [FIRST, *written(RAISE), Done(1, 1), Snapshot(FAILED, {}, {"watermark": 5}, ())],
    ),
    "the success is recorded and the staged write is not applied": (
        4,
        [FIRST, *written(RAISE), Done(1, 0), Snapshot(SUCCEEDED, {}, {}, ())],
    ),
    "the staged write is applied and the success is not recorded": (
        4,
        [FIRST, *written(RAISE), Done(1, 0), Snapshot(RUNNING, {}, {"watermark": 5}, (1,))],
    ),
    "an observer saw a staged write": (
        4,
        [FIRST, *written(RAISE), Glimpse(RUNNING, {"watermark": 5})],
    ),
    "an observer saw a success without its staged write": (
        4,
        [FIRST, *written(RAISE), Done(1, 0), Glimpse(SUCCEEDED, {})],
    ),
    "a torn value was read": (
        5,
        [FIRST, *written(SET_A), Seen(2, {"k": A[:-3]}, {})],
    ),
    "a value of two writes was read": (
        5,
        [FIRST, Snapshot(RUNNING, {"k": A[:40] + B[40:]}, {}, ())],
    ),
    "staged rows of a failed try are left": (
        6,
        [FIRST, *written(RAISE), Snapshot(FAILED, {}, {}, (1,))],
    ),
}

RIGHT: dict[str, list[Record]] = {
    "everything is acknowledged and there": [
        FIRST,
        *written(SET_A),
        *written(ADD, results=(1,)),
        *written(AT_ONCE),
        Seen(2, {"k": A, "n": 1}, {"progress": A}),
    ],
    "a write of unknown outcome is there": [FIRST, Attempt(1, (SET_A, ADD)), Seen(2, {"k": A, "n": 1}, {})],
    "a write of unknown outcome is not there": [FIRST, Attempt(1, (SET_A, ADD)), Seen(2, {}, {})],
    "the supervisor was lost, and the write is there": [
        FIRST,
        Attempt(1, (SET_A,)),
        Refused(1, "SupervisorGoneError"),
        Seen(2, {"k": A}, {}),
    ],
    "the operator looks before the reply arrives": [
        FIRST,
        Attempt(1, (ADD,)),
        Snapshot(RUNNING, {"n": 1}, {}, ()),
        Acknowledged(1, (1,)),
        Seen(2, {"n": 1}, {}),
    ],
    "a superseded try is told so": [
        FIRST,
        Seen(2, {}, {}),
        Attempt(1, (SET_A,)),
        Refused(1, "SupersededError"),
    ],
    "staged writes show with the success": [
        FIRST,
        *written(RAISE),
        Glimpse(RUNNING, {}),
        Done(1, 0),
        Glimpse(RUNNING, {}),
        Glimpse(SUCCEEDED, {"watermark": 5}),
        Snapshot(SUCCEEDED, {}, {"watermark": 5}, ()),
        Seen(2, {}, {"watermark": 5}),
    ],
    "the supervisor died before the success was recorded": [
        FIRST,
        *written(RAISE),
        Done(1, 0),
        Snapshot(RUNNING, {}, {}, (1,)),
        Seen(2, {}, {}),
        Snapshot({1: "superseded", 2: "running"}, {}, {}, ()),
    ],
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_ledger_that_shows_a_broken_promise_is_found_out(fault: str) -> None:
    promise, records = BROKEN[fault]
    violations = judge(records)
    assert violations
    assert violations[0].promise == promise, violations


@pytest.mark.parametrize("course", RIGHT)
def test_a_ledger_that_keeps_the_promises_is_passed(course: str) -> None:
    assert judge(RIGHT[course]) == []


def test_what_stays_unknown_for_a_long_time_does_not_pile_up() -> None:
    """Staged writes of unknown outcome leave no trace that would tell, and double nothing."""
    records = [
        record for number in range(1, 200) for record in (Seen(number, {}, {}), Attempt(number, (RAISE,)))
    ]
    assert judge(records) == []


def test_a_ledger_is_read_as_it_was_written(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    records = [*BROKEN["half of a batch took effect"][1], Snapshot(RUNNING, {"n": 1}, {}, ()), Done(1, 0)]
    for record in records:
        ledger.append(record)
    assert ledger.read() == records
    ledger.close()


def test_a_torn_line_costs_no_other(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.append(FIRST)
    with ledger.path.open("a") as file:
        file.write('["Attempt",1,[["task","set","k","aaa')
    ledger.append(Done(1, 0))
    assert ledger.read() == [FIRST, Done(1, 0)]
    ledger.close()
