"""Histories that were made by hand: some break one promise, some only look odd."""

from __future__ import annotations

from itertools import count
from typing import Any

from tests.histories.deeds import LOST, OK, OVERTAKEN, REFUSED, UNKNOWN, UNSENT, Answer, Attempt, Deed, Step

KEY = "task/t/k"
OTHER = "task/t/o"
ASSET = "asset/a/k"
ASSET_OTHER = "asset/a/o"
TOTAL = "asset/a/total"

_numbers = count()

History = list[Deed]
Attempts = tuple[Attempt, ...]


def at(begun: float, ended: float, fate: str = "answered") -> Attempts:
    return (Attempt(begun, ended, fate),)


def lost(begun: float, ended: float) -> Attempts:
    return at(begun, ended, LOST)


def deed(
    verb: str,
    number: int,
    when: Attempts,
) -> Deed:
    is_lost = when[-1].fate == LOST
    return Deed(
        f"id{next(_numbers):06}",
        "client",
        verb,
        "t" if number else "",
        number,
        when,
        UNKNOWN if is_lost else OK,
    )


def start(
    number: int, when: Attempts, *, lease_seconds: float = 0.1, rerun: bool = False, fresh: bool = False
) -> Deed:
    return deed("start", number, when)._replace(lease_seconds=lease_seconds, rerun=rerun, fresh=fresh)


def finish(number: int, when: Attempts, *, succeeded: bool = True) -> Deed:
    return deed("finish", number, when)._replace(succeeded=succeeded)


def refused(done: Deed, code: str, shown: int | None = None) -> Deed:
    return done._replace(outcome=REFUSED, code=code, shown=shown, answers=())


def asked(number: int, when: Attempts, *pairs: tuple[Step, Answer]) -> Deed:
    done = deed("state", number, when)._replace(steps=tuple(step for step, _ in pairs))
    return done if done.outcome == UNKNOWN else done._replace(answers=tuple(answer for _, answer in pairs))


def wrote(value: str, version: int | None, cell: str = KEY, **how: Any) -> tuple[Step, Answer]:
    return Step("set", cell, value)._replace(**how), Answer(None, version)


def got(value: str | None, version: int | None, cell: str = KEY, by: str = "") -> tuple[Step, Answer]:
    return Step("get", cell), Answer(value, version, 0, by or None)


def added(value: str, version: int | None, cell: str = KEY, **how: Any) -> tuple[Step, Answer]:
    return Step("increment", cell, "1")._replace(**how), Answer(value, version)


def deleted(removed: int, cell: str = KEY, **how: Any) -> tuple[Step, Answer]:
    return Step("delete", cell)._replace(**how), Answer(None, None, removed)


def raised(
    to: str, left: str, version: int | None, cell: str = KEY, by: str = "", **how: Any
) -> tuple[Step, Answer]:
    return Step("set_max", cell, to)._replace(**how), Answer(left, version, 0, by or None)


def cleared(removed: int, cell: str = "task/t/", **how: Any) -> tuple[Step, Answer]:
    return Step("clear", cell)._replace(**how), Answer(None, None, removed)


def listed(number: int, when: Attempts, *pairs: tuple[Step, Answer]) -> Deed:
    return asked(number, when, *pairs)._replace(is_list=True)


FIRST = start(1, at(0, 1))
SECOND = start(2, at(10, 11))


# By name: the promise that is broken, and what shows it.
WRONG: dict[str, tuple[str, History]] = {
    "a read returns what was overwritten": (
        "linearizability",
        [
            FIRST,
            asked(1, at(2, 3), wrote("1", 5)),
            asked(1, at(4, 5), wrote("2", 6)),
            asked(1, at(6, 7), got("1", 5)),
        ],
    ),
    "an acknowledged write is gone": (
        "linearizability",
        [FIRST, asked(1, at(2, 3), wrote("1", 5)), asked(1, at(4, 5), got(None, None))],
    ),
    "two increments are answered alike": (
        "linearizability",
        [FIRST, asked(1, at(2, 9), added("1", 5)), asked(1, at(2, 9), added("1", 6))],
    ),
    "both of two writes under one version win": (
        "linearizability",
        [
            FIRST,
            asked(1, at(2, 3), wrote("1", 5)),
            asked(1, at(4, 9), wrote("2", 6, if_version=5)),
            asked(1, at(4, 9), wrote("3", 7, if_version=5)),
        ],
    ),
    "a write if absent wins over what stands": (
        "linearizability",
        [FIRST, asked(1, at(2, 3), wrote("1", 5)), asked(1, at(4, 5), wrote("2", 6, if_absent=True))],
    ),
    "a conditional write loses against nobody": (
        "linearizability",
        [
            FIRST,
            asked(1, at(2, 3), wrote("1", 5)),
            refused(asked(1, at(4, 5), wrote("2", 6, if_version=5)), "conflict", 5),
        ],
    ),
    "a refused write shows": (
        "linearizability",
        [
            FIRST,
            asked(1, at(2, 3), wrote("1", 5)),
            refused(asked(1, at(4, 5), wrote("2", 6, if_absent=True)), "conflict", 5),
            asked(1, at(6, 7), got("2", 6)),
        ],
    ),
    "a deleted entry is back": (
        "linearizability",
        [
            FIRST,
            asked(1, at(2, 3), wrote("1", 5)),
            asked(1, at(4, 5), deleted(1)),
            asked(1, at(6, 7), got("1", 5)),
        ],
    ),
    "a delete says that it removed what was absent": (
        "linearizability",
        [FIRST, asked(1, at(2, 3), deleted(1))],
    ),
    "a version goes back": (
        "linearizability",
        [FIRST, asked(1, at(2, 3), wrote("1", 6)), asked(1, at(4, 5), wrote("2", 5))],
    ),
    "a lost write takes effect, and then does not": (
        "linearizability",
        [
            FIRST,
            asked(1, lost(2, 3), wrote("1", None)),
            asked(1, at(4, 5), got("1", 5)),
            asked(1, at(6, 7), got(None, None)),
        ],
    ),
    "the first attempt of a blind write is done after the next write": (
        "linearizability",
        [
            FIRST,
            asked(1, (*lost(2, 3), *at(4, 5)), wrote("1", 5)),
            asked(1, at(6, 7), wrote("2", 6)),
            asked(1, at(8, 9), got("1", 7)),
        ],
    ),
    "a write that was given up is done after the next change": (
        "linearizability",
        [
            FIRST,
            asked(1, lost(2, 3), wrote("1", None)),
            asked(1, at(4, 5), added("1", 6, OTHER)),
            asked(1, at(6, 7), got(None, None)),
            asked(1, at(8, 9), got("1", 7)),
        ],
    ),
    "a batch of reads that was repeated answers what it read at first": (
        "linearizability",
        [
            FIRST,
            asked(1, (*lost(2, 3), *at(6, 7)), got(None, None), got(None, None, OTHER)),
            asked(1, at(4, 5), wrote("1", 5)),
        ],
    ),
    "a lost write is done long after its try was superseded": (
        "linearizability",
        [
            FIRST,
            asked(1, lost(2, 3), wrote("1", None)),
            SECOND,
            asked(2, at(12, 13), got(None, None)),
            asked(2, at(14, 15), got("1", 5)),
        ],
    ),
    "a repeated increment counts twice": (
        "linearizability",
        [
            FIRST,
            asked(1, (*lost(2, 3), *at(4, 5)), added("1", 5)),
            asked(1, at(6, 7), got("2", 6)),
        ],
    ),
    "increments do not add up": (
        "idempotence",
        [
            FIRST,
            asked(1, at(2, 3), added("1", 5, TOTAL, apply_now=True)),
            asked(0, at(4, 5), got("2", 6, TOTAL)),
        ],
    ),
    "a superseded try writes": ("fencing", [FIRST, SECOND, asked(1, at(12, 13), wrote("1", 5))]),
    "a superseded try reads": ("fencing", [FIRST, SECOND, asked(1, at(12, 13), got(None, None))]),
    "a superseded try is renewed": ("fencing", [FIRST, SECOND, deed("heartbeat", 1, at(12, 13))]),
    "a superseded try finishes": ("fencing", [FIRST, SECOND, finish(1, at(12, 13))]),
    "a finished try writes": (
        "linearizability",
        [FIRST, finish(1, at(2, 3)), asked(1, at(4, 5), wrote("1", 5))],
    ),
    "two starts have one number": ("fencing", [FIRST, start(1, at(2, 3))]),
    "a live lease is taken over": ("fencing", [start(1, at(0, 1), lease_seconds=60), SECOND]),
    "a live lease is taken over by who proves that another is gone": (
        "fencing",
        [
            start(1, at(0, 1), lease_seconds=60)._replace(holder="this"),
            start(2, at(10, 11))._replace(proof="another"),
        ],
    ),
    "a supervisor that is known to be gone is said to run": (
        "linearizability",
        [
            start(1, at(0, 1), lease_seconds=60)._replace(holder="this"),
            asked(1, at(2, 3), wrote("1", 5)),
            refused(start(0, at(10, 11))._replace(proof="this", task="t"), "try_running"),
        ],
    ),
    "a superseded try's write has a later version than its successor's": (
        "fencing",
        [
            FIRST,
            asked(1, at(9, 20), wrote("1", 7)),
            SECOND,
            asked(2, at(12, 13), wrote("2", 6, OTHER)),
        ],
    ),
    "a try is told that it was superseded by nobody": (
        "linearizability",
        [FIRST, refused(asked(1, at(2, 3), wrote("1", 5)), "superseded")],
    ),
    "the store forgets that a task has succeeded": (
        "linearizability",
        [FIRST, asked(1, at(2, 3), got(None, None)), finish(1, at(4, 5)), SECOND],
    ),
    "a staged write shows before its try has finished": (
        "staging",
        [
            FIRST,
            asked(1, at(2, 3), wrote("1", None, ASSET)),
            asked(0, at(4, 5), got("1", 5, ASSET, by="t#1")),
        ],
    ),
    "a failed try's staged write shows": (
        "staging",
        [
            FIRST,
            asked(1, at(2, 3), wrote("1", None, ASSET)),
            finish(1, at(4, 5), succeeded=False),
            asked(0, at(6, 7), got("1", 5, ASSET, by="t#1")),
        ],
    ),
    "a staged write is gone after the success": (
        "linearizability",
        [
            FIRST,
            asked(1, at(2, 3), wrote("1", None, ASSET)),
            finish(1, at(4, 5)),
            asked(0, at(6, 7), got(None, None, ASSET)),
        ],
    ),
    "a try does not see what it has staged": (
        "linearizability",
        [FIRST, asked(1, at(2, 3), wrote("1", None, ASSET)), asked(1, at(4, 5), got(None, None, ASSET))],
    ),
    "a success applies a staged write whose condition has failed": (
        "linearizability",
        [
            FIRST,
            asked(1, at(2, 3), wrote("1", None, ASSET, if_absent=True)),
            asked(0, at(4, 5), wrote("2", 5, ASSET)),
            finish(1, at(6, 7)),
        ],
    ),
    "a batch is seen in part": (
        "batches",
        [
            FIRST,
            asked(1, at(2, 3), wrote("1", 5), wrote("2", 6, OTHER)),
            asked(1, at(4, 9), wrote("3", 7), wrote("4", 8, OTHER)),
            asked(1, at(4, 9), got("3", 7), got("2", 6, OTHER)),
        ],
    ),
    "a maximum goes down": (
        "linearizability",
        [FIRST, asked(1, at(2, 3), wrote("9", 5)), asked(1, at(4, 5), raised("7", "7", 6))],
    ),
    "a maximum that was not raised has a new version": (
        "linearizability",
        [FIRST, asked(1, at(2, 3), wrote("9", 5)), asked(1, at(4, 5), raised("7", "9", 6))],
    ),
    "a maximum that was raised is lost": (
        "linearizability",
        [FIRST, asked(1, at(2, 9), raised("7", "7", 6)), asked(1, at(2, 9), raised("3", "3", 7))],
    ),
    "a staged maximum replaces what is greater by the time of the success": (
        "linearizability",
        [
            FIRST,
            asked(1, at(2, 3), raised("7", "7", None, ASSET)),
            asked(0, at(4, 5), wrote("40", 5, ASSET)),
            finish(1, at(6, 7)),
            asked(0, at(8, 9), got("7", 6, ASSET, by="t#1")),
        ],
    ),
    "a maximum shows what a failed try has staged": (
        "staging",
        [
            FIRST,
            asked(1, at(2, 3), wrote("9", None, ASSET)),
            finish(1, at(4, 5), succeeded=False),
            asked(0, at(6, 7), raised("7", "9", 5, ASSET, by="t#1")),
        ],
    ),
    "an entry outlives a clear": (
        "linearizability",
        [
            FIRST,
            asked(1, at(2, 3), wrote("1", 5)),
            asked(1, at(4, 5), cleared(1)),
            asked(1, at(6, 7), got("1", 5)),
        ],
    ),
    "a clear is done again": (
        "linearizability",
        [
            FIRST,
            asked(1, (*lost(2, 3), *at(4, 5)), cleared(0)),
            asked(1, at(6, 7), wrote("1", 5)),
            asked(1, at(8, 9), got(None, None)),
        ],
    ),
    "a staged clear shows before its try has finished": (
        "linearizability",
        [
            asked(0, at(0, 1), wrote("1", 5, ASSET)),
            FIRST,
            asked(1, at(2, 3), cleared(1, "asset/a/")),
            asked(0, at(4, 5), got(None, None, ASSET)),
        ],
    ),
    "a clear removes another number than stood there": (
        "batches",
        [FIRST, asked(1, at(2, 3), wrote("1", 5)), asked(1, at(4, 5), got("1", 5), cleared(2))],
    ),
    "a delete under a version wins over another": (
        "linearizability",
        [
            FIRST,
            asked(1, at(2, 3), wrote("1", 5)),
            asked(1, at(4, 5), wrote("2", 6)),
            asked(1, at(6, 7), deleted(1, if_version=5)),
        ],
    ),
    "a list leaves out what stands": (
        "linearizability",
        [
            FIRST,
            asked(1, at(2, 3), wrote("1", 5)),
            listed(1, at(4, 5), got(None, None), got(None, None, OTHER)),
        ],
    ),
    "a list sees a part of a batch": (
        "batches",
        [
            asked(0, at(0, 1), wrote("1", 5, ASSET), wrote("2", 6, ASSET_OTHER)),
            asked(0, at(2, 9), wrote("3", 7, ASSET), wrote("4", 8, ASSET_OTHER)),
            listed(0, at(2, 9), got("1", 5, ASSET), got("4", 8, ASSET_OTHER)),
        ],
    ),
    "one version is given to two writes": (
        "versions",
        [FIRST, asked(1, at(2, 3), wrote("1", 5)), asked(1, at(4, 5), wrote("2", 5, OTHER))],
    ),
}

RIGHT: dict[str, History] = {
    "nothing happened": [],
    "a batch of reads that was repeated answers what it read at last": [
        FIRST,
        asked(1, (*lost(2, 3), *at(6, 7)), got("1", 5), got(None, None, OTHER)),
        asked(1, at(4, 5), wrote("1", 5)),
    ],
    "a write that was given up is done while the next change is on its way": [
        FIRST,
        asked(1, lost(2, 3), wrote("1", None)),
        asked(1, at(4, 7), added("1", 6, OTHER)),
        asked(1, at(4, 5), got(None, None)),
        asked(1, at(5, 6), got("1", 5)),
    ],
    "a sending that was overtaken does not count": [
        FIRST,
        SECOND,
        asked(2, (*at(2, 3, OVERTAKEN), *at(12, 13)), wrote("1", 5)),
    ],
    "a lost write is done later than it was given up": [
        FIRST,
        asked(1, lost(2, 3), wrote("1", None)),
        asked(1, at(4, 5), got(None, None)),
        asked(1, at(6, 7), got("1", 5)),
    ],
    "a lost write is never done": [
        FIRST,
        asked(1, lost(2, 3), wrote("1", None)),
        asked(1, at(4, 5), got(None, None)),
    ],
    "a blind write that was repeated shows under two versions": [
        FIRST,
        asked(1, (*lost(2, 3), *at(4, 7)), wrote("1", 6)),
        asked(1, at(4, 5), got("1", 5)),
        asked(1, at(8, 9), got("1", 6)),
    ],
    "a repeated delete found that it had been done": [
        FIRST,
        asked(1, at(1, 2), wrote("1", 5)),
        asked(1, (*lost(2, 3), *at(4, 5)), deleted(0)),
    ],
    "a repeated increment is answered as it was, after the try's end": [
        FIRST,
        asked(1, (*lost(2, 3), *at(14, 15)), added("1", 5)),
        SECOND,
        asked(2, at(12, 13), got("1", 5)),
    ],
    "an attempt that was never sent does not count": [
        FIRST,
        SECOND,
        asked(2, (*at(2, 3, UNSENT), *at(12, 13)), wrote("1", 5)),
    ],
    "a conflict after a lost attempt, which is done later still": [
        FIRST,
        asked(1, at(1, 2), wrote("1", 5)),
        refused(asked(1, (*lost(2, 3), *at(4, 5)), wrote("2", 0, if_absent=True)), "conflict", 5),
        asked(1, at(6, 7), deleted(1)),
        asked(1, at(8, 9), got("2", 6)),
    ],
    "a supervisor that is known to be gone is taken over from": [
        start(1, at(0, 1), lease_seconds=60)._replace(holder="this"),
        start(2, at(10, 11))._replace(proof="this"),
    ],
    "a start that was refused is done later, by the attempt that nobody answered": [
        start(1, at(0, 1), lease_seconds=60)._replace(holder="this"),
        asked(1, at(1, 2), wrote("1", 5)),
        refused(start(0, (*lost(2, 3), *at(4, 5)))._replace(task="t"), "try_running"),
        refused(start(0, at(10, 11))._replace(proof="this", task="t"), "try_running"),
    ],
    "a superseded try's write overlaps its successor's start": [
        FIRST,
        asked(1, at(9, 20), wrote("1", 5)),
        SECOND,
        asked(2, at(12, 13), wrote("2", 6)),
    ],
    "a start that nobody was told of": [
        FIRST,
        start(0, lost(2, 3))._replace(task="t"),
        refused(asked(1, at(4, 5), wrote("1", 5)), "superseded"),
        start(3, at(6, 7)),
        asked(3, at(8, 9), got(None, None)),
    ],
    "a finish whose answer was lost has failed": [
        FIRST,
        asked(1, at(2, 3), wrote("1", None, ASSET)),
        finish(1, lost(4, 5)),
        asked(0, at(6, 7), got(None, None, ASSET)),
    ],
    "a finish whose answer was lost has succeeded": [
        FIRST,
        asked(1, at(2, 3), wrote("1", None, ASSET)),
        finish(1, lost(4, 5)),
        asked(0, at(6, 7), got("1", 5, ASSET, by="t#1")),
    ],
    "finishing meets a conflict, and the try has failed": [
        FIRST,
        asked(1, at(2, 3), wrote("1", None, ASSET, if_absent=True)),
        asked(0, at(4, 5), wrote("2", 5, ASSET)),
        refused(finish(1, at(6, 7)), "conflict", 5),
        asked(0, at(8, 9), got("2", 5, ASSET)),
    ],
    "an increment that was staged counts onto what others wrote since": [
        FIRST,
        asked(1, at(2, 3), added("1", None, ASSET)),
        asked(0, at(4, 5), wrote("40", 5, ASSET)),
        asked(1, at(5, 6), got("41", None, ASSET)),
        finish(1, at(6, 7)),
        asked(0, at(8, 9), got("41", 6, ASSET, by="t#1")),
    ],
    "a staged maximum is compared with what others wrote since": [
        FIRST,
        asked(1, at(2, 3), raised("7", "7", None, ASSET)),
        asked(0, at(4, 5), wrote("40", 5, ASSET)),
        asked(1, at(5, 6), got("40", 5, ASSET)),
        asked(1, at(6, 7), raised("8", "40", 5, ASSET)),
        finish(1, at(7, 8)),
        asked(0, at(8, 9), got("40", 5, ASSET)),
    ],
    "a maximum that was repeated": [
        FIRST,
        asked(1, (*lost(2, 3), *at(6, 7)), raised("7", "7", 5)),
        asked(1, at(4, 5), raised("5", "7", 5)),
        asked(1, at(8, 9), raised("9", "9", 6)),
    ],
    "a staged clear, and what is staged after it": [
        asked(0, at(0, 1), wrote("1", 5, ASSET), wrote("2", 6, ASSET_OTHER)),
        FIRST,
        asked(1, at(2, 3), got("1", 5, ASSET), got("2", 6, ASSET_OTHER), cleared(2, "asset/a/")),
        asked(1, at(3, 4), wrote("3", None, ASSET, if_absent=True)),
        listed(1, at(4, 5), got("3", None, ASSET), got(None, None, ASSET_OTHER)),
        listed(0, at(5, 6), got("1", 5, ASSET), got("2", 6, ASSET_OTHER)),
        finish(1, at(6, 7)),
        listed(0, at(8, 9), got("3", 7, ASSET, by="t#1"), got(None, None, ASSET_OTHER)),
    ],
    "a clear overlaps a write and comes after it": [
        FIRST,
        asked(1, at(2, 9), wrote("1", 5)),
        asked(1, at(3, 9), cleared(1)),
        asked(1, at(10, 11), got(None, None)),
    ],
    "a failed try's clear that was applied at once": [
        asked(0, at(0, 1), wrote("1", 5, ASSET)),
        FIRST,
        asked(1, at(2, 3), cleared(1, "asset/a/", apply_now=True)),
        finish(1, at(4, 5), succeeded=False),
        asked(0, at(6, 7), got(None, None, ASSET)),
    ],
    "a batch looks at the total before and after it adds": [
        FIRST,
        asked(0, at(4, 5), got(None, None, TOTAL), added("1", 5, TOTAL, apply_now=True), got("1", 5, TOTAL)),
    ],
    "a failed try's write that was applied at once shows": [
        FIRST,
        asked(1, at(2, 3), wrote("1", 5, ASSET, apply_now=True)),
        finish(1, at(4, 5), succeeded=False),
        asked(0, at(6, 7), got("1", 5, ASSET, by="t#1")),
    ],
    "a rerun that begins anew clears the state": [
        FIRST,
        asked(1, at(2, 3), wrote("1", 5)),
        finish(1, at(4, 5)),
        start(2, at(6, 7), rerun=True, fresh=True),
        asked(2, at(8, 9), got(None, None)),
    ],
    "finishing twice says the same": [
        FIRST,
        asked(1, at(2, 3), wrote("1", 5)),
        finish(1, at(4, 5)),
        finish(1, at(6, 7)),
    ],
}
