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
    Those with one ``deed`` are alike but for their beginning, and any of them may have had no effect.
    ``is_open``: how it ended does not say whether it changed anything, so it may do so elsewhere.
    """

    name: str
    invoked_at: float
    completed_at: float
    after: Callable[[S], S | None]
    may_be_none: bool = False
    deed: str = ""
    is_open: bool = False


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
        # Of moves that are alike the one that began first is taken first: whatever another could do, it can.
        self._before, self._and_after = _chained(self._moves)
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
                those = self._and_after[place]
                self._waiting.append((done | those, count + those.bit_count(), state))
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
                is_certain = move.completed_at < math.inf and not move.may_be_none and not move.is_open
                if is_certain and move.after(state) == state:
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
        may_come = [at for at in found + begun if self._moves[at].invoked_at <= end]
        return [at for at in may_come if done & self._before[at] == self._before[at]]

    def _described(self) -> str:
        count, done, state = self._farthest
        blocked = "; ".join(self._moves[place].name for place in self._next(done))
        return f"after {max(count, 0)} of {len(self._due)} deeds, {state} agrees with none of: {blocked}"


def _chained(moves: Sequence[Move[S]]) -> tuple[list[int], list[int]]:
    """Return for each move, as bits, the one like it that comes before, and itself with those after it."""
    before, and_after = [0] * len(moves), [1 << place for place in range(len(moves))]
    last: dict[str, int] = {}
    for place, move in enumerate(moves):
        if move.deed:
            before[place] = last.get(move.deed, 0)
            last[move.deed] = 1 << place
    following: dict[str, int] = {}
    for place in range(len(moves) - 1, -1, -1):
        if moves[place].deed:
            and_after[place] |= following.get(moves[place].deed, 0)
            following[moves[place].deed] = and_after[place]
    return before, and_after
