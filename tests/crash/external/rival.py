"""A task that another one writes against, on large values. Run as a module:

python -m tests.crash.external.rival LEDGER PLAN        (PLAN: a JSON list, the fields of `RivalPlan`)
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import statekeep

from tests.crash.external.values import number_of, text_of
from tests.crash.job import OUTLET
from tests.crash.ledger import Acknowledged, Attempt, Done, Effect, Ledger, Read, Refused, Seen

KEY = "shared"
SIZE_BYTES = 60_000
# Of the number of a write: which rival wrote it.
PER_RIVAL = 1_000


class RivalPlan(NamedTuple):
    """``way``: "own" writes task state, "at_once" and "staged" the asset's, if nobody else did meanwhile.

    ``rival`` is told by each value. ``gate``: a named pipe that is waited for; "at_once", when it is clear
    what the first write is to replace, and else after the first write.
    """

    way: str
    rival: int
    writes: int = 1
    gate: str = ""


def main() -> None:
    """Write as planned, whatever becomes of the writes."""
    ledger, plan = Ledger(Path(sys.argv[1])), RivalPlan(*json.loads(sys.argv[2]))
    context = statekeep.current_context()
    rival = _Rival(context, ledger, plan)
    if plan.way == "own":
        ledger.append(Seen(context.try_number, rival.seen(), {}))
    for number in range(1, plan.writes + 1):
        rival.write(plan.rival * PER_RIVAL + number)
        if plan.way != "at_once":
            rival.wait()
    ledger.append(Done(context.try_number, 0))


class _Rival:
    def __init__(self, context: statekeep.Context, ledger: Ledger, plan: RivalPlan) -> None:
        self._try_number = context.try_number if plan.way == "own" else plan.rival
        self._ledger, self._way = ledger, plan.way
        self._gates = [Path(plan.gate)] if plan.gate else []
        self._state: Any = context.task_state if plan.way == "own" else context.asset_state[OUTLET]

    def seen(self) -> dict[str, Any]:
        return {entry.key: number_of(entry.key, entry.value) for entry in self._state.entries()}

    def wait(self) -> None:
        """Wait for the gate, the first time."""
        if self._gates:
            self._gates.pop().read_bytes()

    def write(self, number: int) -> None:
        """Read, then write; note what each of the two came to."""
        value = text_of(KEY, number, SIZE_BYTES)
        version = self._noted(self._read)
        where = {"own": "task", "at_once": "asset", "staged": "staged"}[self._way]
        self._ledger.append(Attempt(self._try_number, (Effect(where, "set", KEY, number),)))
        options: dict[str, Any] = {}
        if self._way != "own":
            options = {"if_absent": True} if version is None else {"if_version": version}
            options["commit"] = "now" if self._way == "at_once" else "staged"
        if self._way == "at_once":
            self.wait()
        self._noted(lambda: self._acknowledged(self._state.set(KEY, value, **options)))

    def _read(self) -> int | None:
        entry = self._state.entry(KEY)
        if entry is None:
            return None
        where = "task" if self._way == "own" else "asset"
        shown = number_of(KEY, entry.value)
        self._ledger.append(Read(f"rival {self._try_number}", where, KEY, entry.version, shown))
        version: int | None = entry.version
        return version

    def _acknowledged(self, version: int | None) -> None:
        self._ledger.append(Acknowledged(self._try_number, (None if self._way == "own" else version,)))

    def _noted(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except statekeep.StatekeepError as error:
            self._ledger.append(Refused(self._try_number, type(error).__name__))
            return None


if __name__ == "__main__":
    main()
