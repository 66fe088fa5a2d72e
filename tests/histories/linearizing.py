"""Is there an order of overlapping deeds in which each ended as it did? (Wing and Gong, with a memo.)"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

S = TypeVar("S")

DEFAULT_LIMIT = 200_000


class Move(NamedTuple, Generic[S]):
    """Something that took effect at one moment between two instants.

    ``after`` returns what it leaves, or None when it cannot happen here. ``may_be_none``: it may also have
    had no effect at all; with ``completed_at`` infinite it may still be to come when the history ends.
    """

    name: str
    invoked_at: float
    completed_at: float
    after: Callable[[S], S | None]
    may_be_none: bool = False


class Verdict(NamedTuple):
    """``is_linearizable`` is None when the search was given up. ``stuck``: where the longest order ended."""

    is_linearizable: bool | None
    looked_at: int
    stuck: str = ""


def linearize(moves: Sequence[Move[S]], first: S, *, limit: int = DEFAULT_LIMIT) -> Verdict:
    """Look for an order, through at most ``limit`` states."""
    return _Search(moves, first).run(limit)


class _Search(Generic[S]):
    def __init__(self, moves: Sequence[Move[S]], first: S) -> None:
        self._moves = sorted(moves, key=lambda move: move.invoked_at)
        # Whatever may never happen has no part in the end.
        self._due = [place for place, move in enumerate(self._moves) if move.completed_at < math.inf]
        self._open_ended = [place for place, move in enumerate(self._moves) if move.completed_at == math.inf]
        self._seen: set[tuple[int, S]] = set()
        self._waiting: list[tuple[int, int, S]] = [(0, 0, first)]
        self._farthest: tuple[int, int, S] = (-1, 0, first)

    def run(self, limit: int) -> Verdict:
        looked_at = 0
        while self._waiting:
            done, count, state = self._waiting.pop()
            done, count, state = self._with_all_that_change_nothing(done, count, state)
            if count == len(self._due):
                return Verdict(True, looked_at)
            if (done, state) in self._seen:
                continue
            self._seen.add((done, state))
            looked_at += 1
            if looked_at > limit:
                return Verdict(None, looked_at, self._described())
            if count > self._farthest[0]:
                self._farthest = (count, done, state)
            self._branch(done, count, state)
        return Verdict(False, looked_at, self._described())

    def _branch(self, done: int, count: int, state: S) -> None:
        """Put every next state on the stack; that of the move which had to end first comes off it first."""
        for place in sorted(self._next(done), key=lambda at: -self._moves[at].completed_at):
            move = self._moves[place]
            is_due = move.completed_at < math.inf
            if move.may_be_none and is_due:
                self._waiting.append((done | 1 << place, count + 1, state))
            left = move.after(state)
            if left is not None and (left != state or not move.may_be_none):
                self._waiting.append((done | 1 << place, count + is_due, left))

    def _with_all_that_change_nothing(self, done: int, count: int, state: S) -> tuple[int, int, S]:
        """Take what can happen here and leaves everything as it is: no order is lost by taking it now."""
        goes_on = True
        while goes_on:
            goes_on = False
            for place in self._next(done):
                move = self._moves[place]
                if move.completed_at < math.inf and not move.may_be_none and move.after(state) == state:
                    done, count, goes_on = done | 1 << place, count + 1, True
        return done, count, state

    def _next(self, done: int) -> list[int]:
        """Return the moves that may come next: none that is left had ended before they began."""
        end = math.inf
        found: list[int] = []
        for place in self._due:
            if done >> place & 1:
                continue
            if self._moves[place].invoked_at > end:
                break
            end = min(end, self._moves[place].completed_at)
            found.append(place)
        begun = [at for at in self._open_ended if not done >> at & 1]
        return [at for at in found + begun if self._moves[at].invoked_at <= end]

    def _described(self) -> str:
        count, done, state = self._farthest
        blocked = "; ".join(self._moves[place].name for place in self._next(done))
        return f"after {max(count, 0)} of {len(self._due)} deeds, {state} agrees with none of: {blocked}"
