"""What clients ask next: drawn at random, with what they saw last as the condition of some writes."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.histories.deeds import OK, Deed, Step
from tests.histories.judging import TOTAL
from tests.histories.requests import OpenTry

_KEYS = ("a", "b")
_LONGEST_BATCH = 3


class Drawing:
    """One client's choices. ``client`` makes its values unlike any other's."""

    def __init__(self, draw: random.Random, client: int, tasks: Sequence[str], assets: Sequence[str]) -> None:
        self._draw = draw
        self._tasks = tasks
        self._assets = assets
        self._next_value = client * 1_000_000
        self._versions: dict[str, int | None] = {}

    def steps(self, of_try: OpenTry | None) -> tuple[Step, ...]:
        """Draw one step, or a batch of several."""
        count = 1 if self._draw.random() < 0.8 else self._draw.randint(2, _LONGEST_BATCH)
        return tuple(self._step(of_try) for _ in range(count))

    def learn(self, deed: Deed) -> None:
        """Remember what stands, as far as it was told."""
        if deed.outcome == OK:
            for step, answer in zip(deed.steps, deed.answers, strict=True):
                self._versions[step.cell] = answer.version
        elif deed.code == "conflict":
            self._versions[deed.steps[deed.failed_step].cell] = deed.shown

    def _step(self, of_try: OpenTry | None) -> Step:
        draw = self._draw
        if of_try is not None and draw.random() < 0.6:
            return self._change(f"task/{of_try.task}/{draw.choice(_KEYS)}", now=False)
        if of_try is None and draw.random() < 0.5:  # an operator looks at tasks' state and leaves it alone
            return Step("get", f"task/{draw.choice(self._tasks)}/{draw.choice(_KEYS)}")
        asset = f"asset/{draw.choice(self._assets)}"
        now = of_try is None or draw.random() < 0.4
        if draw.random() < 0.35:
            adds = draw.random() < 0.6
            return (
                Step("increment", asset + TOTAL, "1", apply_now=now) if adds else Step("get", asset + TOTAL)
            )
        return self._change(f"{asset}/{draw.choice(_KEYS)}", now=now)

    def _change(self, cell: str, *, now: bool) -> Step:
        kind = self._draw.choices(
            ("get", "set", "if_version", "if_absent", "increment", "delete"), (30, 22, 16, 6, 14, 12)
        )[0]
        if kind in ("get", "delete"):
            return Step(kind, cell, apply_now=now and kind == "delete")
        if kind == "increment":
            return Step(kind, cell, str(self._draw.randint(1, 9)), apply_now=now)
        self._next_value += 10
        step = Step("set", cell, str(self._next_value), apply_now=now)
        version = self._versions.get(cell)
        if kind == "if_version" and version is not None:
            return step._replace(if_version=version)
        return step._replace(if_absent=kind == "if_absent")
