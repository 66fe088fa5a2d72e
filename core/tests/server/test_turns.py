"""Turns: one thing of each owner at a time, nothing lost at the end."""

from __future__ import annotations

from queue import Empty

import pytest
from statekeep_core.server.turns import Turns


def owner_of(thing: str) -> str | None:
    return thing[0] if thing[0] != "-" else None


def turns(*things: str) -> Turns[str]:
    made = Turns(owner_of)
    for thing in things:
        made.put(thing)
    return made


def test_what_else_somebody_asks_waits_until_the_first_is_done_and_others_pass() -> None:
    queue = turns("a1", "a2", "a3", "b1", "-1", "-2")
    assert queue.qsize() == 6
    assert [queue.get() for _ in range(4)] == ["a1", "b1", "-1", "-2"]
    with pytest.raises(Empty):
        queue.get_nowait()
    queue.done("-1")
    queue.done("b1")
    queue.done("a1")
    assert queue.get_nowait() == "a2"
    queue.put("b2")
    queue.done("a2")
    assert [queue.get_nowait(), queue.get_nowait()] == ["b2", "a3"]
    assert queue.qsize() == 0


def test_who_was_done_with_everything_waits_for_nothing_again() -> None:
    queue = turns("a1")
    queue.done(str(queue.get()))
    queue.put("a2")
    assert queue.get_nowait() == "a2"


def test_the_end_comes_after_all_that_waits() -> None:
    queue = turns("a1", "a2", "a3")
    assert queue.get() == "a1"
    queue.put(None)
    queue.put(None)
    with pytest.raises(Empty):
        queue.get_nowait()
    for done, expected in (("a1", "a2"), ("a2", "a3")):
        queue.done(done)
        assert queue.get_nowait() == expected
    assert [queue.get_nowait(), queue.get_nowait()] == [None, None]
    queue.done("a3")
    with pytest.raises(Empty):
        queue.get_nowait()


def test_an_end_of_which_nothing_waits_behind_anybody_comes_at_once() -> None:
    queue = turns("a1")
    queue.put(None)
    assert [queue.get_nowait(), queue.get_nowait()] == ["a1", None]
