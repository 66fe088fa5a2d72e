"""The checker itself: it finds what is wrong, says which promise, and lets pass what only looks odd."""

from __future__ import annotations

import pytest

from tests.histories import shelf
from tests.histories.deeds import Deed, read_lines, write_line
from tests.histories.judging import judge

PROMISES = {"linearizability", "idempotence", "fencing", "staging", "batches", "versions"}


@pytest.mark.parametrize(("promise", "history"), shelf.WRONG.values(), ids=shelf.WRONG)
def test_a_history_that_breaks_a_promise_is_found(promise: str, history: list[Deed]) -> None:
    violations = judge(history).violations
    assert promise in {violation.promise for violation in violations}, violations


@pytest.mark.parametrize("history", shelf.RIGHT.values(), ids=shelf.RIGHT)
def test_a_history_that_keeps_the_promises_passes(history: list[Deed]) -> None:
    judgement = judge(history)
    assert not judgement.violations
    assert not judgement.undecided


def test_every_promise_is_broken_by_some_history() -> None:
    assert {promise for promise, _ in shelf.WRONG.values()} == PROMISES


def test_a_history_is_read_back_as_it_was_written() -> None:
    for _, history in shelf.WRONG.values():
        assert read_lines(map(write_line, history)) == history
