"""Random tries against a model in a few lines: what is staged, what is seen, and what is left in the end."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m
from statekeep_core.policy import Policy

from core.tests.conftest import TASK, Client, FreshStore, MovedClock
from core.tests.execution_api.conftest import LiveTry

KEYS = ("a", "b", "c")
Model = dict[str, Any]
Step = tuple[Any, ...]


def combined(kind: str, stored: Any, operand: Any) -> Any:
    if kind == "increment":
        return operand if stored is None else stored + operand
    return operand if stored is None else max(stored, operand)


def do(entries: Model, step: Step) -> Model:
    """Return what a step leaves of the entries."""
    kind, key, *operand = step
    left = dict(entries)
    if kind == "clear":
        left.clear()
    elif kind == "delete":
        left.pop(key, None)
    elif kind in ("set", "set_if_absent"):
        left[key] = operand[0]  # a condition that is lost by now is the finish's to refuse
    else:
        left[key] = combined(kind, left.get(key), operand[0])
    return left


def request_for(step: Step, target: int, *, apply_now: bool) -> Any:
    kind, key, *operand = step
    value = json.dumps(operand[0]).encode() if operand else b""
    options: dict[str, Any] = {"target": target, "apply_now": apply_now}
    match kind:
        case "clear":
            return m.Clear(**options)
        case "delete":
            return m.Delete(key, **options)
        case "increment":
            return m.Increment(key, value, **options)
        case "set_max":
            return m.SetMax(key, value, **options)
        case _:
            return m.Set(key, value, if_absent=kind == "set_if_absent", **options)


# The fixture makes a store for each example.
PER_EXAMPLE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# Quarters add up exactly in any order, so the model needs no order of its own.
numbers = st.one_of(st.integers(-5, 5), st.integers(-20, 20).map(lambda quarters: quarters / 4))
keys = st.sampled_from(KEYS)
steps = st.one_of(
    st.tuples(st.sampled_from(["set", "increment", "set_max", "set_if_absent"]), keys, numbers),
    st.tuples(st.just("delete"), keys),
    st.tuples(st.just("clear"), st.none()),
)
# By the try, staged; or by somebody else, at once.
moves = st.lists(st.tuples(st.booleans(), steps), max_size=25)


@contextmanager
def two_tries(fresh_store: FreshStore) -> Iterator[tuple[LiveTry, LiveTry]]:
    with closing(fresh_store(Policy(), MovedClock())) as store:
        client = Client(store)
        yield LiveTry(client), LiveTry(client, TASK._replace(task_id="other"))


def seen_by(one: LiveTry) -> Model:
    page = one.ask(m.ListEntries(one.outlet, with_values=True))
    listed = {entry.key: json.loads(entry.value) for entry in page.entries}
    for key in KEYS:
        found = one.ask(m.Get(key, one.outlet))
        assert isinstance(found, m.Absent) == (key not in listed)
        assert isinstance(found, m.Absent) or json.loads(found.value) == listed[key]
    return listed


class Run:
    """The two tries beside their model: what is applied, and which steps the first one has staged."""

    def __init__(self, staging: LiveTry, other: LiveTry) -> None:
        self.staging, self.other = staging, other
        self.applied: Model = {}
        self.staged: list[Step] = []

    def view(self) -> Model:
        view = self.applied
        for step in self.staged:
            view = do(view, step)
        return view

    def move(self, is_staged: bool, step: Step) -> None:
        if is_staged:
            self._stage(step)
        elif self._attempt(self.other, step, self.applied, apply_now=True):
            self.applied = do(self.applied, step)
        assert seen_by(self.other) == self.applied

    def _stage(self, step: Step) -> None:
        if self._attempt(self.staging, step, self.view(), apply_now=False):
            self.staged.append(step)

    def _attempt(self, who: LiveTry, step: Step, view: Model, *, apply_now: bool) -> bool:
        request = request_for(step, who.outlet, apply_now=apply_now)
        if step[0] == "set_if_absent" and step[1] in view:
            with pytest.raises(errors.ConflictError):
                who.ask(request)
            return False
        reply = who.ask(request)
        if step[0] in ("delete", "clear"):
            assert reply.removed == len(view) - len(do(view, step))
        elif step[0] in ("increment", "set_max"):
            assert json.loads(reply.value) == do(view, step)[step[1]]
        return True

    def conflicts(self) -> bool:
        """Return whether a staged condition does not hold any more."""
        view = self.applied
        for step in self.staged:
            if step[0] == "set_if_absent" and step[1] in view:
                return True
            view = do(view, step)
        return False


@settings(PER_EXAMPLE, max_examples=80)
@given(moves=moves, succeeded=st.booleans())
def test_a_try_is_what_its_steps_make_of_what_stands_when_it_succeeds(
    fresh_store: FreshStore, moves: list[tuple[bool, Step]], succeeded: bool
) -> None:
    with two_tries(fresh_store) as (staging, other):
        run = Run(staging, other)
        for is_staged, step in moves:
            run.move(is_staged, step)
            assert seen_by(staging) == run.view()
        if succeeded and run.conflicts():
            with pytest.raises(errors.ConflictError):
                staging.finish()
            assert seen_by(other) == run.applied
        else:
            assert staging.finish(succeeded=succeeded).applied_operations == len(run.staged) * succeeded
            assert seen_by(other) == (run.view() if succeeded else run.applied)


@settings(PER_EXAMPLE, max_examples=40)
@given(moves=st.lists(steps, max_size=25))
def test_task_state_and_asset_state_that_is_applied_at_once_are_the_same(
    fresh_store: FreshStore, moves: list[Step]
) -> None:
    with two_tries(fresh_store) as (one, _):
        for step in moves:
            request = request_for(step, one.outlet, apply_now=True)
            answers = [outcome(one, request._replace(target=target)) for target in (None, one.outlet)]
            assert answers[0] == answers[1]
        assert one.keys() == one.keys(one.outlet)


def outcome(who: LiveTry, request: Any) -> Any:
    try:
        reply = who.ask(request)
    except errors.StatekeepError as error:
        return error.code
    return reply.value if isinstance(reply, m.Entry) else reply.removed
