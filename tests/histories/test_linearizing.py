"""The search, on a register that is as simple as can be."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from tests.histories.linearizing import Move, linearize

Effect = Callable[[int], int | None]


def write(value: int) -> Effect:
    return lambda _: value


def read(value: int) -> Effect:
    return lambda state: state if state == value else None


def moves(*given: tuple[float, float, Effect]) -> list[Move[int]]:
    return [
        Move(f"move {n}", begun, ended, effect, may_be_none=ended == math.inf)
        for n, (begun, ended, effect) in enumerate(given)
    ]


AGREES = {
    "nothing": [],
    "one after the other": [(0, 1, write(1)), (2, 3, read(1))],
    "a read overlaps the write and precedes it": [(0, 9, write(1)), (1, 2, read(0)), (3, 4, read(1))],
    "two writes in the other order than begun": [(0, 9, write(1)), (1, 9, write(2)), (10, 11, read(1))],
    "a lost write that was never done": [(0, math.inf, write(1)), (2, 3, read(0))],
    "a lost write that was done late": [(0, math.inf, write(1)), (2, 3, read(0)), (4, 5, read(1))],
}
CONTRADICTS = {
    "a stale read": [(0, 1, write(1)), (2, 3, read(0))],
    "a value from nowhere": [(0, 1, write(1)), (0, 3, read(7))],
    "a value that goes back": [(0, 9, write(1)), (1, 2, read(1)), (3, 4, read(0))],
    "a lost write that is undone": [(0, math.inf, write(1)), (2, 3, read(1)), (4, 5, read(0))],
    "a write seen before it was asked": [(0, 1, read(1)), (2, 3, write(1))],
}


@pytest.mark.parametrize("given", AGREES.values(), ids=AGREES)
def test_what_has_an_order_is_linearizable(given: list[tuple[float, float, Effect]]) -> None:
    assert linearize(moves(*given), 0).is_linearizable is True


@pytest.mark.parametrize("given", CONTRADICTS.values(), ids=CONTRADICTS)
def test_what_has_no_order_is_not_linearizable(given: list[tuple[float, float, Effect]]) -> None:
    verdict = linearize(moves(*given), 0)
    assert verdict.is_linearizable is False
    assert "agrees with none of" in verdict.stuck


def test_a_search_past_its_limit_says_that_it_was_given_up() -> None:
    given = [(0.0, 9.0, write(value)) for value in range(12)]
    verdict = linearize(moves(*given, (10.0, 11.0, read(99))), 0, limit=50)
    assert verdict.is_linearizable is None


def alike(count: int, until: float) -> list[Move[int]]:
    """Attempts of one deed, each of which may have written 1 or may not."""
    return [Move(f"attempt {n}", float(n), until, write(1), may_be_none=True, deed="d") for n in range(count)]


@pytest.mark.parametrize("until", [20.0, math.inf])
def test_each_of_several_attempts_may_be_done_by_itself(until: float) -> None:
    others = moves((3, 4, write(2)), (4.5, 5, read(1)), (6, 7, write(3)), (8, 9, read(1)), (10, 11, write(4)))
    assert linearize([*alike(3, until), *others], 0).is_linearizable is True
    once_more = [*others, *moves((12, 13, read(1)))]
    assert linearize([*alike(3, until), *once_more], 0).is_linearizable is True
    assert linearize([*alike(2, until), *once_more], 0).is_linearizable is False


def test_which_of_several_attempts_it_was_is_not_searched() -> None:
    others = moves((3, 4, write(2)), (17, 18, read(99)))
    assert linearize([*alike(16, 20.0), *others], 0, limit=100).is_linearizable is False
