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
