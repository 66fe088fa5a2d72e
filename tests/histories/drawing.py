"""What clients ask next: drawn at random, with what they saw last as the condition of some writes."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.histories.deeds import OK, Answer, Deed, Step
from tests.histories.judging import TOTAL
from tests.histories.requests import OpenTry

_KEYS = ("a", "b")
_LONGEST_BATCH = 4
_LISTS = 0.06
_CLEARS = 0.04
_ON_WHAT_WAS_SEEN = 0.35
_AGAIN = 0.15
_BATCHES_OF_ONE_TASK = 0.4
# How often each of a change is drawn, and a get among them.
_CHANGES = {
    "get": 26,
    "set": 20,
    "set if version": 14,
    "set if absent": 6,
    "set_max": 12,
    "increment": 12,
    "delete": 9,
    "delete if version": 5,
}


class Drawing:
    """One client's choices. ``client`` makes its values unlike any other's.

    The first asset has a total, which is added to only, and is never cleared.
    """

    def __init__(self, draw: random.Random, client: int, tasks: Sequence[str], assets: Sequence[str]) -> None:
        self._draw = draw
        self._tasks = tasks
        self._assets = assets
        self._next_value = client * 1_000_000
        self._seen: dict[str, Answer] = {}
        self._just_seen = ""
        self._last: Step | None = None

    def deed(self, deed: Deed, of_try: OpenTry | None) -> Deed:
        """Return the deed with what is asked for: one step, a batch of several, a clear, or a list."""
        how = self._draw.random()
        if how < _LISTS:
            return deed._replace(steps=self._looks(self._target(of_try)), is_list=True)
        if how < _LISTS + _CLEARS:
            return deed._replace(steps=self._clear(of_try))
        count = 1 if self._draw.random() < 0.8 else self._draw.randint(2, _LONGEST_BATCH)
        of_one = of_try is not None and count > 1 and self._draw.random() < _BATCHES_OF_ONE_TASK
        draw_one = self._own_step if of_one else self._step
        return deed._replace(steps=tuple(draw_one(of_try) for _ in range(count)))

    def learn(self, deed: Deed) -> None:
        """Remember what stands, as far as it was told."""
        if deed.outcome == OK:
            for step, answer in zip(deed.steps, deed.answers, strict=True):
                for cell in [cell for cell in self._seen if step.concerns(cell)]:
                    del self._seen[cell]
                if step.kind != "clear":
                    self._seen[step.cell] = answer._replace(value=answer.value or step.value)
                if answer.version is not None:
                    self._just_seen = step.cell
        elif deed.code == "conflict":
            self._just_seen = deed.steps[deed.failed_step].cell
            self._seen[self._just_seen] = Answer(None, deed.shown)

    def _target(self, of_try: OpenTry | None) -> str:
        """Return what has keys: a task, which is its own of a try, or an asset."""
        own = self._draw.choice(self._tasks) if of_try is None else of_try.task
        return self._draw.choice([f"task/{own}", *(f"asset/{name}" for name in self._assets)])

    def _looks(self, target: str) -> tuple[Step, ...]:
        total = [f"{target}{TOTAL}"] if self._has_total(target) else []
        return tuple(Step("get", cell) for cell in [*(f"{target}/{key}" for key in _KEYS), *total])

    def _has_total(self, target: str) -> bool:
        return target == f"asset/{self._assets[0]}"

    def _clear(self, of_try: OpenTry | None) -> tuple[Step, ...]:
        """Return a clear, alone or after a look at each key, of anything but what is not to be cleared."""
        target = self._target(of_try)
        if self._has_total(target) or (of_try is None and target.startswith("task/")):
            target = f"asset/{self._assets[-1]}"
        now = target.startswith("asset/") and (of_try is None or self._draw.random() < 0.4)
        looks = self._looks(target) if self._draw.random() < 0.6 else ()
        return (*looks, Step("clear", f"{target}/", apply_now=now))

    def _step(self, of_try: OpenTry | None) -> Step:
        draw = self._draw
        if draw.random() < _AGAIN and of_try is not None and self._last is not None:
            return self._last._replace(value=self._value(self._last.kind, self._last.cell))
        if draw.random() < _ON_WHAT_WAS_SEEN and (step := self._on_what_was_seen(of_try)):
            return step
        if of_try is not None and draw.random() < 0.6:
            return self._own_step(of_try)
        if of_try is None and draw.random() < 0.5:  # an operator looks at tasks' state and leaves it alone
            return Step("get", f"task/{draw.choice(self._tasks)}/{draw.choice(_KEYS)}")
        asset = f"asset/{draw.choice(self._assets)}"
        now = of_try is None or draw.random() < 0.4
        if self._has_total(asset) and draw.random() < 0.5:
            cell, adds = asset + TOTAL, draw.random() < 0.6
            return Step("increment", cell, "1", apply_now=now) if adds else Step("get", cell)
        return self._change(f"{asset}/{draw.choice(_KEYS)}", now=now)

    def _own_step(self, of_try: OpenTry | None) -> Step:
        assert of_try is not None
        return self._change(f"task/{of_try.task}/{self._draw.choice(_KEYS)}", now=False)

    def _on_what_was_seen(self, of_try: OpenTry | None) -> Step | None:
        """Return a write under the version that was seen last, as of whoever reads, reckons, and writes."""
        cell, self._just_seen = self._just_seen, ""
        version = self._seen.get(cell, Answer()).version
        own = "" if of_try is None else f"task/{of_try.task}/"
        if version is None or cell.endswith(TOTAL) or not cell.startswith(("asset/", own or "asset/")):
            return None
        kind = self._draw.choices(("set", "delete"), (4, 1))[0]
        now = cell.startswith("asset/") and (of_try is None or self._draw.random() < 0.4)
        return Step(kind, cell, self._value(kind, cell), if_version=version, apply_now=now)

    def _change(self, cell: str, *, now: bool) -> Step:
        [drawn] = self._draw.choices([*_CHANGES], [*_CHANGES.values()])
        kind, _, condition = drawn.partition(" if ")
        step = Step(kind, cell, self._value(kind, cell), apply_now=now and kind != "get")
        if step.is_of_asset and kind in ("set", "set_max", "increment"):
            self._last = step
        seen = self._seen.get(cell, Answer())
        if condition == "version" and seen.version is not None:
            return step._replace(if_version=seen.version)
        return step._replace(if_absent=condition == "absent")

    def _value(self, kind: str, cell: str) -> str | None:
        match kind:
            case "increment":
                return str(self._draw.randint(1, 9))
            case "set":
                self._next_value += 10
                return str(self._next_value)
            case "set_max":
                # Not far from what was seen: whether it is raised is the question.
                seen = self._seen.get(cell, Answer()).value or str(self._next_value)
                return str(max(0, int(seen) + self._draw.randint(-9, 20)))
        return None
