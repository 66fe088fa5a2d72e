"""Judges a ledger: does what happened keep the promises of the protocol? Pure; it reads records only.

The checker keeps every state that the store may be in. A write that is in flight doubles them (it took
effect, or not), its acknowledgement halves them, and so does whatever is seen. When none is left, a promise
is broken.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.crash.ledger import (
    Acknowledged,
    Attempt,
    Done,
    Effect,
    Glimpse,
    LockTaken,
    Read,
    Record,
    Refused,
    Seen,
    Snapshot,
    State,
    is_whole,
)

# The connection broke, so nobody told the task how its write ended.
_UNKNOWN_OUTCOMES = ("SupervisorGoneError", "TruncatedFrameError")
_FENCED = ("SupersededError", "TryFinishedError")
# Those that answer what stands after them.
_ANSWERED = ("increment", "set_max")


class Violation(NamedTuple):
    """A broken promise, by its number in the protocol, and what shows it."""

    promise: int
    evidence: str


class Possible(NamedTuple):
    """A state that the store may be in, and whether the write in flight has taken effect in it."""

    task: State
    asset: State
    has_taken_effect: bool


def judge(records: Iterable[Record]) -> list[Violation]:
    """Return every violation that the records show, in order."""
    checker = _Checker()
    for record in records:
        checker.take(record)
    return checker.violations


class _Checker:
    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self._possible = [Possible({}, {}, False)]
        self._were_certain: list[State] = [{}]
        self._current_try = 0
        self._staged: list[Effect] = []
        self._in_flight: Attempt | None = None
        self._finishing_try: int | None = None
        self._attempted_late: set[int] = set()
        # What each success applied, for glimpses: they come out of order.
        self._applied_by: dict[int, list[Effect]] = {}
        self._attempted_at_once: dict[str, set[Any]] = {}
        self._brief_keys: set[str] = set()

    def take(self, record: Record) -> None:
        match record:
            case Seen():
                self._take_seen(record)
            case Attempt():
                self._take_attempt(record)
            case Acknowledged():
                self._take_acknowledged(record)
            case Refused():
                self._take_refused(record)
            case Done():
                self._take_done(record)
            case LockTaken():
                if record.earlier_try_is_alive:
                    self._blame(3, "a supervisor got the lock while a process of the try before was alive")
            case Snapshot():
                self._take_snapshot(record)
            case Glimpse():
                self._take_glimpse(record)
            case Read():
                self._take_read(record)

    def _take_seen(self, seen: Seen) -> None:
        if seen.try_number <= self._current_try:
            self._blame(3, f"try {seen.try_number} read state after try {self._current_try} had begun")
            return
        self._narrow(f"try {seen.try_number}", seen.task, seen.asset)
        self._current_try = seen.try_number
        self._settle()
        self._staged = []

    def _take_attempt(self, attempt: Attempt) -> None:
        if attempt.try_number != self._current_try:
            self._attempted_late.add(attempt.try_number)
            return
        self._in_flight = attempt
        self._finishing_try = None  # a write that follows is an operator's; the end of the try was looked at
        self._may_take_effect([effect for effect in attempt.effects if effect.where in ("task", "asset")])
        for effect in attempt.effects:
            if effect.where == "asset":
                self._attempted_at_once.setdefault(effect.key, set()).add(effect.value)
            elif effect.where == "brief":
                self._brief_keys.add(effect.key)

    def _take_acknowledged(self, told: Acknowledged) -> None:
        if told.try_number in self._attempted_late:
            self._blame(3, f"try {told.try_number} wrote after try {self._current_try} had begun")
            return
        if told.try_number != self._current_try or self._in_flight is None:
            return  # the write was in flight when the next try began, which has seen what became of it
        effects = self._in_flight.effects
        self._in_flight = None
        self._staged += [effect for effect in effects if effect.where == "staged"]
        left = [
            state
            for state in self._possible
            if state.has_taken_effect and _agrees(state, effects, told.results)
        ]
        if not left:
            self._blame(2, f"{effects} of try {told.try_number} answered {told.results}; see {self._shown()}")
            left = [state for state in self._possible if state.has_taken_effect]
        self._possible = left or self._possible
        self._were_certain += [state.task for state in left]

    def _take_refused(self, refused: Refused) -> None:
        self._attempted_late.discard(refused.try_number)
        if refused.try_number != self._current_try:
            if refused.error not in (*_FENCED, *_UNKNOWN_OUTCOMES):
                self._blame(3, f"try {refused.try_number}, superseded, was told {refused.error}")
            return
        self._in_flight = None
        if refused.error not in _UNKNOWN_OUTCOMES:
            self._possible = [state for state in self._possible if not state.has_taken_effect]

    def _take_done(self, done: Done) -> None:
        if done.try_number == self._current_try and done.exit_status == 0:
            self._finishing_try = done.try_number
            self._applied_by[done.try_number] = self._staged
            self._may_take_effect([effect._replace(where="asset") for effect in self._staged])

    def _take_snapshot(self, snapshot: Snapshot) -> None:
        self._narrow("the operator", snapshot.task, snapshot.asset)
        if self._finishing_try is not None:
            is_recorded = snapshot.statuses.get(self._finishing_try) == "succeeded"
            if not any(state.has_taken_effect == is_recorded for state in self._possible):
                self._blame(4, f"try {self._finishing_try} has {snapshot.statuses}, see {self._shown()}")
        ended = [number for number in snapshot.staged_tries if snapshot.statuses.get(number) != "running"]
        if ended:
            self._blame(6, f"staged rows of the tries {ended} are left, which have ended")
        running = [number for number, status in snapshot.statuses.items() if status == "running"]
        if len(running) > 1:
            self._blame(3, f"the tries {running} are running at once")

    def _take_glimpse(self, glimpse: Glimpse) -> None:
        """Judge what shows while tries run: what those staged that have succeeded, no more and no less."""
        self._check_whole("the observer", glimpse.asset)
        expected: State = {}
        succeeded = sorted(number for number, status in glimpse.statuses.items() if status == "succeeded")
        for number in succeeded:
            for effect in self._applied_by.get(number, []):
                _apply(expected, effect)
        applied = {key: value for key, value in glimpse.asset.items() if key in expected}
        at_once = {key: value for key, value in glimpse.asset.items() if key not in expected}
        is_foreign = any(value not in self._attempted_at_once.get(key, ()) for key, value in at_once.items())
        if applied != expected or is_foreign:
            shown = _brief(glimpse.asset)
            self._blame(4, f"{shown} shows while {succeeded} have succeeded, not {_brief(expected)}")

    def _take_read(self, read: Read) -> None:
        """Judge what the current try reads of its own task between its writes; others read at any moment."""
        is_own = read.reader == f"try {self._current_try}" and read.where == "task"
        if not is_own or read.key in self._brief_keys:
            return
        left = [state for state in self._possible if state.task.get(read.key) == read.value]
        if not left:
            self._blame(1, f"{read.reader} read {read.value} of {read.key!r}; possible: {self._shown()}")
        self._possible = left or self._possible

    def _may_take_effect(self, effects: list[Effect]) -> None:
        before = _distinct(state._replace(has_taken_effect=False) for state in self._possible)
        self._possible = before + [_after(state, effects) for state in before]

    def _narrow(self, reader: str, task: State, asset: State) -> None:
        """Keep the possible states that look as what was read; go on from what was read if none does."""
        self._check_whole(reader, task)
        self._check_whole(reader, asset)
        left = [state for state in self._possible if state.task == task and state.asset == asset]
        if not left:
            read = f"{reader} read {_brief(task)} and {_brief(asset)}"
            self._blame(self._promise_broken_by(task, asset), f"{read}; possible: {self._shown()}")
            left = [Possible(task, asset, False)]
        self._possible = left
        self._were_certain.append(task)

    def _promise_broken_by(self, task: State, asset: State) -> int:
        if all(state.task != task for state in self._possible):
            # An earlier state: what was acknowledged since is lost. A new one: something was done twice, by
            # halves, or after it was refused.
            return 1 if task in self._were_certain else 2
        expected = [self._at_once(state.asset) for state in self._possible]
        return 4 if self._at_once(asset) in expected else 1

    def _at_once(self, asset: State) -> State:
        return {key: value for key, value in asset.items() if key in self._attempted_at_once}

    def _settle(self) -> None:
        """Another try has begun: what was in flight has taken effect by now, or never will."""
        self._possible = _distinct(state._replace(has_taken_effect=False) for state in self._possible)
        self._in_flight = self._finishing_try = None

    def _check_whole(self, reader: str, state: State) -> None:
        torn = [key for key, value in state.items() if not is_whole(value)]
        if torn:
            self._blame(5, f"{reader} read torn values of {torn}")

    def _blame(self, promise: int, evidence: str) -> None:
        self.violations.append(Violation(promise, evidence))

    def _shown(self) -> str:
        return "; ".join(f"{_brief(state.task)} and {_brief(state.asset)}" for state in self._possible)


def _distinct(states: Iterable[Possible]) -> list[Possible]:
    found: list[Possible] = []
    for state in states:
        if state not in found:
            found.append(state)
    return found


def _after(state: Possible, effects: Iterable[Effect]) -> Possible:
    task, asset = dict(state.task), dict(state.asset)
    for effect in effects:
        _apply(task if effect.where == "task" else asset, effect)
    return Possible(task, asset, True)


def _apply(state: State, effect: Effect) -> None:
    match effect.operation:
        case "increment":
            state[effect.key] = state.get(effect.key, 0) + effect.value
        case "set_max":
            state[effect.key] = max(state.get(effect.key, effect.value), effect.value)
        case "delete":
            state.pop(effect.key, None)
        case "clear":
            state.clear()
        case _:
            state[effect.key] = effect.value


def _agrees(state: Possible, effects: Iterable[Effect], results: Iterable[Any]) -> bool:
    """Return whether a sum or a maximum of task state that was answered is what stands in the state."""
    return all(
        effect.where != "task" or effect.operation not in _ANSWERED or state.task[effect.key] == result
        for effect, result in zip(effects, results, strict=True)
    )


def _brief(state: State) -> State:
    return {key: value.partition(";")[0] if isinstance(value, str) else value for key, value in state.items()}
