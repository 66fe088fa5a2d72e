"""The promise for one key, as a sequential machine: what each deed may find there, and what it leaves.

The state holds the tries of every task that uses the key and what each has staged on it, so that the fence
and the staging are part of what a history must agree with. Pure.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.histories.deeds import OK, REFUSED, UNKNOWN, Answer, Deed, Step

ENDED = ("succeeded", "failed")
_REMOVING = ("delete", "clear")
# Refusals that a key's own state explains. Others are answered before anybody looks at the key.
_EXPLAINED = ("superseded", "try_finished", "conflict", "try_running", "already_succeeded")


class Standing(NamedTuple):
    """What stands. Of a write whose answer was lost nobody knows the version: it is above ``version``."""

    value: str | None = None
    version: int = 0
    is_exact: bool = False

    def seen_as(self, version: int | None) -> Standing | None:
        """Return what is known after this version was seen here, or None when it cannot be seen."""
        if self.value is None or version is None:
            return self if self.value is None and version is None else None
        if self.is_exact:
            return self if version == self.version else None
        return Standing(self.value, version, True) if version > self.version else None

    def written(self, value: str | None, version: int | None = None) -> Standing | None:
        """Return what stands after a write, whose version may not be known; None: it went backwards."""
        if version is None or value is None:
            return Standing(value, self.version)
        return Standing(value, version, True) if version > self.version else None


class Life(NamedTuple):
    """The tries of one task: the current one and how it is, and what it has staged on this key.

    ``holder`` is the secret under which it began, with which a later supervisor proves that it is gone.
    """

    task: str
    try_number: int = 0
    status: str = ""
    staged: tuple[Step, ...] = ()
    holder: str = ""


class State(NamedTuple):
    """One key. ``owner`` is the task whose state it belongs to, empty for an asset's."""

    standing: Standing = Standing()
    lives: tuple[Life, ...] = ()
    owner: str = ""

    def life(self, task: str) -> Life:
        return next((life for life in self.lives if life.task == task), Life(task))

    def living(self, life: Life) -> State:
        others = [other for other in self.lives if other.task != life.task]
        return self._replace(lives=tuple(sorted([*others, life])))


class _View(NamedTuple):
    """The key as one caller sees it. ``touched``: by something that the caller has staged."""

    base: Standing
    value: str | None
    touched: bool = False


def after(state: State, deed: Deed, cell: str) -> State | None:
    """Return what a deed leaves if it takes effect here and now; None when it could not end as it did.

    A deed of unknown outcome takes effect if it can, and else is none.
    """
    if deed.verb == "start":
        return _started(state, deed)
    if deed.verb == "finish":
        return _finished(state, deed)
    if deed.outcome == REFUSED:
        return state if _is_refused(state, deed, cell) else None
    life = state.life(deed.task)
    if deed.try_number and (life.try_number, life.status) != (deed.try_number, "running"):
        return None
    return _stepped(state, deed, cell, len(deed.steps))


def is_explained(deed: Deed) -> bool:
    """Return whether a key's state has to agree with how the deed ended."""
    return deed.outcome != REFUSED or deed.code in _EXPLAINED or deed.verb == "finish"


# --- the life of a try -----------------------------------------------------------------------------------


def _started(state: State, deed: Deed) -> State | None:
    life = state.life(deed.task)
    if deed.outcome == REFUSED:
        expected = {"try_running": "running", "already_succeeded": "succeeded"}[deed.code]
        is_known_gone = deed.code == "try_running" and deed.proof and deed.proof == life.holder
        return state if life.status == expected and not is_known_gone else None
    number = life.try_number + 1
    if deed.outcome == OK and deed.try_number != number:
        return None
    if life.status == "succeeded" and not deed.rerun:
        return None
    standing = state.standing
    if deed.fresh and state.owner == deed.task:
        standing = Standing(None, standing.version)
    return state._replace(standing=standing).living(Life(deed.task, number, "running", holder=deed.holder))


def _finished(state: State, deed: Deed) -> State | None:
    life = state.life(deed.task)
    if deed.code == "superseded":
        return state if life.try_number > deed.try_number else None
    if life.try_number != deed.try_number:
        return None
    succeeded = deed.succeeded and deed.outcome != REFUSED  # a conflict is an answer: the try has failed
    status = "succeeded" if succeeded else "failed"
    if life.status in ENDED:
        return state if life.status == status and deed.outcome != UNKNOWN else None
    ended = state.living(Life(deed.task, life.try_number, status))
    if not succeeded:
        return ended
    view = _replayed(_View(state.standing, state.standing.value), life.staged)
    if view is None:
        return ended.living(Life(deed.task, life.try_number, "failed")) if deed.outcome == UNKNOWN else None
    if not view.touched or (view.value is None and view.base.value is None):
        return ended._replace(standing=view.base)
    standing = view.base.written(view.value)
    return None if standing is None else ended._replace(standing=standing)


# --- steps -----------------------------------------------------------------------------------------------


def _stepped(state: State | None, deed: Deed, cell: str, count: int) -> State | None:
    """Take the first ``count`` steps of the deed as far as they are here."""
    answers: tuple[Answer | None, ...] = deed.answers or (None,) * len(deed.steps)
    for step, answer in list(zip(deed.steps, answers, strict=True))[:count]:
        if state is None:
            return None
        if step.concerns(cell):
            state = _one_step(state, deed, step, answer)
    return state


def _one_step(state: State, deed: Deed, step: Step, answer: Answer | None) -> State | None:
    life = state.life(deed.task) if deed.try_number else Life("")
    is_staging = step.is_of_asset and bool(deed.try_number) and not step.apply_now
    view = _replayed(_View(state.standing, state.standing.value), life.staged, judges=False)
    if view is None or (step.apply_now and life.staged and step.kind != "get"):
        return None
    if step.kind == "get":
        return _read(state, view, answer)
    judged = _judged(view, step)
    if judged is None:
        return None
    left = _taken(judged, step)
    if answer is not None and not _is_as_told(step, judged.value, left.value, answer):
        return None
    if is_staging:
        state = state.living(life._replace(staged=(*life.staged, step)))
    if is_staging or _changes_nothing(judged, step):
        return _with_version_told(state, left, step, answer)
    if answer is not None and (answer.version is None) != (step.kind in _REMOVING):
        return None
    standing = left.base.written(left.value, None if answer is None else answer.version)
    return None if standing is None else state._replace(standing=standing)


def _changes_nothing(view: _View, step: Step) -> bool:
    """Return whether it is a maximum that is not raised. It leaves the version, too, as it was."""
    return step.kind == "set_max" and view.value is not None and _outcome(view.value, step) == view.value


def _with_version_told(state: State, left: _View, step: Step, answer: Answer | None) -> State | None:
    """Return the state after a step that writes nothing here and now; None when told of another version."""
    is_entry = step.kind == "set_max" and not left.touched
    standing = left.base.seen_as(answer.version) if is_entry and answer is not None else left.base
    if standing is None or (answer is not None and not is_entry and answer.version is not None):
        return None
    return state._replace(standing=standing)


def _read(state: State, view: _View, answer: Answer | None) -> State | None:
    if answer is None:
        return state
    if answer.value != view.value:
        return None
    if view.touched:
        return state if answer.version is None else None
    standing = view.base.seen_as(answer.version)
    return None if standing is None else state._replace(standing=standing)


def _is_as_told(step: Step, before: str | None, value: str | None, answer: Answer) -> bool:
    if step.kind == "delete":
        return answer.removed == int(before is not None)
    return step.kind in ("set", "clear") or answer.value == value


def _outcome(value: str | None, step: Step) -> str | None:
    if step.kind == "increment":
        return str(int(value or "0") + int(step.value or "0"))
    if step.kind == "set_max" and value is not None:
        return max(value, step.value or "0", key=int)
    return None if step.kind in _REMOVING else step.value


def _taken(view: _View, step: Step) -> _View:
    """Return the view after a step. What removes nothing, or raises no maximum, touches nothing."""
    removes_nothing = step.kind in _REMOVING and view.value is None
    touches = not removes_nothing and not _changes_nothing(view, step)
    return _View(view.base, _outcome(view.value, step), view.touched or touches)


def _judged(view: _View, step: Step) -> _View | None:
    """Return the view in which the step's condition holds, or None."""
    if step.if_absent:
        return view if view.value is None else None
    if step.if_version is None:
        return view
    base = None if view.touched or view.value is None else view.base.seen_as(step.if_version)
    return None if base is None else view._replace(base=base)


def _replayed(view: _View, staged: tuple[Step, ...], *, judges: bool = True) -> _View | None:
    """Return the view after staged steps; None when a condition does not hold."""
    for step in staged:
        judged = _judged(view, step) if judges else view
        if judged is None:
            return None
        view = _taken(judged, step)
    return view


# --- refusals --------------------------------------------------------------------------------------------


def _is_refused(state: State, deed: Deed, cell: str) -> bool:
    life = state.life(deed.task)
    if deed.code == "superseded":
        return life.try_number > deed.try_number
    if deed.code == "try_finished":
        return life.try_number == deed.try_number and life.status in ENDED
    if deed.try_number and (life.try_number, life.status) != (deed.try_number, "running"):
        return False
    step = deed.steps[deed.failed_step]
    if not step.concerns(cell):
        return True
    before = _stepped(state, deed._replace(answers=()), cell, deed.failed_step)
    return before is not None and _is_conflict(before, deed, step)


def _is_conflict(state: State, deed: Deed, step: Step) -> bool:
    staged = state.life(deed.task).staged if deed.try_number else ()
    view = _replayed(_View(state.standing, state.standing.value), staged, judges=False)
    if view is None:
        return False
    has_version = view.value is not None and not view.touched
    if (deed.shown is not None) != has_version and not deed.failed_step:
        return False
    if has_version and deed.shown is not None and view.base.seen_as(deed.shown) is None:
        return not view.base.is_exact and bool(deed.failed_step)
    return view.value is not None if step.if_absent else deed.shown != step.if_version
