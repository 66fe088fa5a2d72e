"""The judges are judged: a history for each way to give a wrong value, and a folder for each wrong object."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from statekeep import StatekeepError

from tests.crash.external.final_check import check
from tests.crash.external.judging import judge_all
from tests.crash.external.objects import Evidence, Known, gather, paths_in_folder, wrong_objects
from tests.crash.external.place import ExternalPlace
from tests.crash.external.values import WIDE, number_of, text_of
from tests.crash.ledger import (
    Acknowledged,
    Attempt,
    Done,
    Effect,
    Read,
    Record,
    Refused,
    Seen,
    Snapshot,
)

RUNNING, SUCCEEDED = {1: "running"}, {1: "succeeded"}
FIRST = Seen(1, {}, {})
SET = Effect("task", "set", "a", 1)
SET_AGAIN = Effect("task", "set", "a", 2)
DELETE = Effect("task", "delete", "a", None)
CLEAR = Effect("task", "clear", "", None)
STAGE = Effect("staged", "set", "s", 3)
STAGE_DELETE = Effect("staged", "delete", "now", None)
REWIND = Effect("asset", "set", "now", 4)
BRIEF = Effect("brief", "set", "b", 5)


def written(*effects: Effect) -> list[Record]:
    return [Attempt(1, effects), Acknowledged(1, (None,) * len(effects))]


BROKEN: dict[str, tuple[int, list[Record]]] = {
    "an acknowledged value is lost": (1, [FIRST, *written(SET), Snapshot(RUNNING, {}, {}, ())]),
    "the value that was overwritten is back": (
        1,
        [FIRST, *written(SET), *written(SET_AGAIN), Snapshot(RUNNING, {"a": 1}, {}, ())],
    ),
    "a deleted value is back": (
        1,
        [FIRST, *written(SET), *written(DELETE), Snapshot(RUNNING, {"a": 1}, {}, ())],
    ),
    "a value that was cleared is back": (1, [FIRST, *written(SET), *written(CLEAR), Seen(2, {"a": 1}, {})]),
    "half of a batch is there": (
        2,
        [FIRST, *written(SET), Attempt(1, (SET_AGAIN, DELETE)), Seen(2, {"a": 2}, {})],
    ),
    "a rewind is lost": (1, [FIRST, *written(REWIND), Snapshot(RUNNING, {}, {}, ())]),
    "a staged delete is applied and the success is not recorded": (
        4,
        [
            FIRST,
            *written(REWIND),
            *written(STAGE_DELETE),
            Done(1, 0),
            Snapshot(RUNNING, {}, {}, ()),
        ],
    ),
    "a try read the value before its last": (
        1,
        [FIRST, *written(SET), *written(SET_AGAIN), Read("try 1", "task", "a", 9, 1)],
    ),
    "a try read nothing where its value is": (
        1,
        [FIRST, *written(SET), Read("try 1", "task", "a", None, None)],
    ),
    "the observer read a torn value": (
        5,
        [FIRST, *written(SET), Read("observer", "task", "a", 9, "torn: 'a;1;'")],
    ),
    "the observer met an error": (
        5,
        [FIRST, *written(SET), Read("observer", "task", "", None, "ReferenceMissingError: …")],
    ),
    "a value that nobody wrote was read": (5, [FIRST, *written(SET), Read("observer", "task", "a", 9, 7)]),
    "another key's value was read": (
        5,
        [FIRST, *written(SET), *written(STAGE), Read("operator", "asset", "s", 9, 1)],
    ),
    "one version showed two values": (
        5,
        [
            FIRST,
            *written(SET),
            *written(SET_AGAIN),
            Read("observer", "task", "a", 9, 1),
            Read("operator", "task", "a", 9, 2),
        ],
    ),
    "a single writer was told that another wrote": (
        2,
        [FIRST, Attempt(1, (SET,)), Refused(1, "ConflictError")],
    ),
    "a value is told to be gone": (2, [FIRST, Attempt(1, (SET,)), Refused(1, "ReferenceMissingError")]),
}

RIGHT: dict[str, list[Record]] = {
    "a value is written, read, overwritten and deleted": [
        FIRST,
        *written(SET),
        Read("observer", "task", "a", 9, 1),
        *written(SET_AGAIN),
        Read("observer", "task", "a", 10, 2),
        Snapshot(RUNNING, {"a": 2}, {}, ()),
        Read("try 1", "task", "a", 10, 2),
        *written(DELETE),
        Read("try 1", "task", "a", None, None),
        Seen(2, {}, {}),
    ],
    "what is staged shows with the success": [
        FIRST,
        *written(REWIND),
        *written(STAGE),
        *written(STAGE_DELETE),
        Done(1, 0),
        Snapshot(SUCCEEDED, {}, {"s": 3}, ()),
    ],
    "an operator writes after a try whose success was not recorded": [
        FIRST,
        *written(STAGE),
        Done(1, 0),
        Snapshot(RUNNING, {}, {}, (1,)),
        *written(REWIND),
        Snapshot(RUNNING, {}, {"now": 4}, (1,)),
    ],
    "what expires is in no state": [
        FIRST,
        *written(BRIEF),
        Read("try 1", "task", "b", 9, 5),
        Read("try 1", "task", "b", None, None),
        Seen(2, {}, {}),
    ],
    "the supervisor was lost": [
        FIRST,
        Attempt(1, (SET,)),
        Refused(1, "SupervisorGoneError"),
        Seen(2, {}, {}),
    ],
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_history_that_shows_a_broken_promise_is_found_out(fault: str) -> None:
    promise, records = BROKEN[fault]
    violations = judge_all(records)
    assert violations
    assert violations[0].promise == promise, violations


@pytest.mark.parametrize("course", RIGHT)
def test_a_history_that_keeps_the_promises_is_passed(course: str) -> None:
    assert judge_all(RIGHT[course]) == []


@pytest.mark.parametrize("size_bytes", [50, 3_000, 90_000])
def test_a_value_says_its_number_when_it_is_whole(size_bytes: int) -> None:
    assert number_of("a/b", text_of("a/b", 17, size_bytes)) == 17


@pytest.mark.parametrize("number", [0, 17])
def test_a_wide_number_stands_for_itself(number: int) -> None:
    assert number_of("count", WIDE + number) == number_of("count", number) == number


@pytest.mark.parametrize(
    "value",
    [
        text_of("a", 17, 3_000)[:-1],
        text_of("a", 17, 3_000)[:500] + text_of("a", 18, 3_000)[500:],
        text_of("b", 17, 3_000),
        text_of("a", 17, 3_000).replace("17", "18", 1),
        "",
        None,
        ["a;17;3000"],
    ],
)
def test_a_value_that_is_torn_or_of_another_key_has_no_number(value: object) -> None:
    assert isinstance(number_of("a", value), str)


GOOD = Evidence(known=(Known("p", 2), Known("q", 1)), named=("p", "q", "p"), there=("q", "p"))

WRONG: dict[str, Evidence] = {
    "p is named and gone": GOOD._replace(there=("q",)),
    "r is there and nothing names it": GOOD._replace(there=("q", "p", "r")),
    "p is counted 2 times and named 1 times": GOOD._replace(named=("p", "q")),
    "q is counted 1 times and named 0 times": GOOD._replace(named=("p", "p")),
    "r is counted 0 times and named 1 times": GOOD._replace(named=(*GOOD.named, "r"), there=("p", "q", "r")),
    "s is still queued": GOOD._replace(known=(*GOOD.known, Known("s", 0))),
}


def test_objects_that_are_exactly_the_named_ones_are_passed() -> None:
    assert wrong_objects(GOOD) == []


@pytest.mark.parametrize("problem", WRONG)
def test_an_object_too_few_or_too_many_is_found_out(problem: str) -> None:
    assert problem in wrong_objects(WRONG[problem])


def test_before_a_sweep_an_object_may_wait_but_none_may_be_missing() -> None:
    waiting = GOOD._replace(known=(*GOOD.known, Known("r", 0)), there=("p", "q", "r"))
    assert wrong_objects(waiting, after_sweep=False) == []
    assert wrong_objects(WRONG["p is named and gone"], after_sweep=False) == ["p is named and gone"]


# --- on a real store and a real folder --------------------------------------------------------------------

FILLED = ("set", "set_at_once", "stage", "batch")


def filled(place: ExternalPlace) -> list[Path]:
    """Fill a place and return the files of its objects."""
    work = place.work(7)._replace(script=FILLED, sizes_bytes=(3_000,))
    assert place.run_job(work) == 0, place.said()
    check(place)
    folder = Path(place.medium.folder)
    return [folder / path for path in paths_in_folder(folder)]


def remove(file: Path) -> None:
    file.unlink()


def tear(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-7])


def add_another(file: Path) -> None:
    file.with_name(f"x{file.name}").write_bytes(file.read_bytes())


def swap(file: Path) -> None:
    [other, *_] = [other for other in file.parent.iterdir() if other != file]
    file.write_bytes(other.read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("fault", [remove, tear, add_another, swap])
def test_a_folder_that_is_wrong_is_found_out(place: ExternalPlace, fault: Callable[[Path], None]) -> None:
    files = filled(place)
    fault(next(file for file in files if "unmapped" in str(file)))
    with pytest.raises((AssertionError, StatekeepError)):
        check(place)


@pytest.mark.slow
def test_the_files_are_those_that_the_store_names(place: ExternalPlace) -> None:
    files = filled(place)
    with place.reader() as reader:
        evidence = gather(reader.store, reader.store_id, place.medium.paths())
    assert len(evidence.known) == len(files) >= 3
