"""A task that does operations which are drawn by a seed, on values that go to a backend. Run as a module:

python -m tests.crash.external.job LEDGER WORK        (WORK: a JSON list, the fields of `Work`)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import statekeep

from tests.crash.external.killing_store import TaskKiller, step_with, watch_folder
from tests.crash.external.values import WIDE, number_of, text_of
from tests.crash.job import OUTLET
from tests.crash.ledger import Acknowledged, Attempt, Done, Effect, Ledger, Read, Refused, Seen
from tests.crash.steps import Kill, noting

BRIEF_KEYS = ("brief 0", "brief/1")
BRIEF = timedelta(seconds=0.05)
# Steps of the task itself, beside those of its backend: before and after it asks for a write.
TASK_STEPS = ("attempted", "acknowledged")
_TEXT_KEYS = ("a", "a/b", "a~b", "ü .", "K")
_STAGED_KEYS = ("s", "s~1", "S")
_AT_ONCE_KEYS = ("now", "now 2")
# Some stay inline, most are offloaded, and few take several pieces.
_SIZES_BYTES = (50, 50, 400, 3_000, 3_000, 20_000, 90_000, 90_000, 400_000)
# In a bucket, some of which are uploaded in parts.
SIZES_IN_PARTS_BYTES = (50, 3_000, 9_000_000)


# How often each operation is drawn.
_WEIGHTS = {
    "set": 6,
    "set_if": 3,
    "update": 2,
    "delete": 2,
    "clear": 0.4,
    "batch": 3,
    "widen": 1,
    "increment": 3,
    "raise_mark": 2,
    "set_brief": 2,
    "delete_brief": 0.5,
    "read": 3,
    "stage": 4,
    "stage_delete": 1,
    "stage_increment": 2,
    "stage_clear": 0.2,
    "set_at_once": 4,
    "delete_at_once": 1,
}
OPERATIONS = tuple(_WEIGHTS)


class Work(NamedTuple):
    """What one try does: the operations of ``script``, or so many that are drawn.

    ``kill``: of this process, or from within it. ``folder``: of the objects. ``steps``: a file for the
    steps' names. ``gate``: a named pipe; the first value that is uploaded is not committed before somebody
    writes into it.
    """

    seed: int
    operations: int = 8
    exit_status: int = 0
    is_async: bool = False
    kill: Kill | None = None
    folder: str = ""
    sizes_bytes: tuple[int, ...] = _SIZES_BYTES
    script: tuple[str, ...] = ()
    steps: str = ""
    gate: str = ""


def main() -> None:
    """Do the work that the arguments ask for."""
    ledger = Ledger(Path(sys.argv[1]))
    work = Work(*json.loads(sys.argv[2]))
    killer = TaskKiller(Kill(*work.kill) if work.kill else None, _before_step(work))
    step_with(killer.step)
    if work.folder:
        watch_folder(work.folder, killer.step)
    job = _Job(statekeep.current_context(), ledger, work, killer.step)
    job.begin()
    for name in work.script or job.drawn(work.operations):
        job.operations[name]()
    ledger.append(Done(job.try_number, work.exit_status))
    sys.exit(work.exit_status)


def _before_step(work: Work) -> Callable[[str], None]:
    """Return what is done at each step: it is noted, and the first upload is held back."""
    note = noting(work.steps)
    gates = [work.gate] if work.gate else []

    def on_step(step: str) -> None:
        note(step)
        if step == "put_done" and gates:
            with Path(gates.pop()).open("rb") as gate:
                gate.read(1)

    return on_step


class _Job:
    def __init__(
        self, context: statekeep.Context, ledger: Ledger, work: Work, on_step: Callable[[str], None]
    ) -> None:
        self.try_number = context.try_number
        self._task, self._asset = context.task_state, context.asset_state[OUTLET]
        self._ledger, self._work, self._on_step = ledger, work, on_step
        self._drawing = random.Random(f"{work.seed};{self.try_number}")
        self._last_number = self.try_number * 1_000
        self._has_cleared_asset = False
        self.operations = {name: getattr(self, f"_{name}") for name in OPERATIONS}

    def begin(self) -> None:
        """Read everything, once."""
        task, asset = self._call(self._task, "entries"), self._call(self._asset, "entries")
        self._note_reads("task", task)
        self._note_reads("asset", asset)
        self._ledger.append(Seen(self.try_number, numbers(task), numbers(asset)))

    def drawn(self, count: int) -> list[str]:
        """Draw the names of so many operations."""
        return self._drawing.choices(OPERATIONS, list(_WEIGHTS.values()), k=count)

    # --- task state --------------------------------------------------------------------------------------

    def _set(self) -> None:
        key = self._drawing.choice(_TEXT_KEYS)
        number, value = self._new_value(key)
        with self._writing(Effect("task", "set", key, number)):
            self._call(self._task, "set", key, value)

    def _set_if(self) -> None:
        key = self._drawing.choice(_TEXT_KEYS)
        entry = self._call(self._task, "entry", key)
        condition = {"if_absent": True} if entry is None else {"if_version": entry.version}
        number, value = self._new_value(key)
        with self._writing(Effect("task", "set", key, number)):
            self._call(self._task, "set", key, value, **condition)

    def _update(self) -> None:
        key = self._drawing.choice(_TEXT_KEYS)
        number, value = self._new_value(key)
        with self._writing(Effect("task", "set", key, number)):
            self._call(self._task, "update", key, lambda _standing: value)

    def _delete(self) -> None:
        key = self._drawing.choice(_TEXT_KEYS)
        with self._writing(Effect("task", "delete", key, None)):
            self._call(self._task, "delete", key)

    def _clear(self) -> None:
        with self._writing(Effect("task", "clear", "", None)):
            self._call(self._task, "clear")

    def _batch(self) -> None:
        first, second, third = self._drawing.sample(_TEXT_KEYS, 3)
        (number, value), (other_number, other_value) = self._new_value(first), self._new_value(second)
        effects = (
            Effect("task", "set", first, number),
            Effect("task", "set", second, other_number),
            Effect("task", "delete", third, None),
        )
        with self._writing(*effects), self._task.batch() as batch:
            batch.set(first, value)
            batch.set(second, other_value)
            batch.delete(third)

    def _widen(self) -> None:
        number = self._drawing.randrange(1_000)
        with self._writing(Effect("task", "set", "count", number)):
            self._call(self._task, "set", "count", WIDE + number)

    def _increment(self) -> None:
        with self._writing(Effect("task", "increment", "count", 1)) as results:
            results[0] = number_of("count", self._call(self._task, "increment", "count"))

    def _raise_mark(self) -> None:
        number = self._drawing.randrange(1_000)
        with self._writing(Effect("task", "set_max", "mark", number)) as results:
            results[0] = number_of("mark", self._call(self._task, "set_max", "mark", WIDE + number))

    def _set_brief(self) -> None:
        key = self._drawing.choice(BRIEF_KEYS)
        number, value = self._new_value(key)
        with self._writing(Effect("brief", "set", key, number)):
            self._call(self._task, "set", key, value, retention=BRIEF)

    def _delete_brief(self) -> None:
        key = self._drawing.choice(BRIEF_KEYS)
        with self._writing(Effect("brief", "delete", key, None)):
            self._call(self._task, "delete", key)

    def _read(self) -> None:
        key = self._drawing.choice((*_TEXT_KEYS, *BRIEF_KEYS))
        entry = self._call(self._task, "entry", key)
        if entry is None:
            self._ledger.append(Read(f"try {self.try_number}", "task", key, None, None))
        else:
            self._note_reads("task", [entry])

    # --- asset state -------------------------------------------------------------------------------------

    def _stage(self) -> None:
        key = self._drawing.choice(_STAGED_KEYS)
        number, value = self._new_value(key)
        with self._writing(Effect("staged", "set", key, number)):
            self._call(self._asset, "set", key, value)

    def _stage_delete(self) -> None:
        key = self._drawing.choice(_STAGED_KEYS)
        with self._writing(Effect("staged", "delete", key, None)):
            self._call(self._asset, "delete", key)

    def _stage_increment(self) -> None:
        with self._writing(Effect("staged", "increment", "rows", 1)):
            self._call(self._asset, "increment", "rows")

    def _stage_clear(self) -> None:
        self._has_cleared_asset = True
        with self._writing(Effect("staged", "clear", "", None)):
            self._call(self._asset, "clear")

    def _set_at_once(self) -> None:
        if self._has_cleared_asset:  # at once and staged do not mix
            return
        key = self._drawing.choice(_AT_ONCE_KEYS)
        number, value = self._new_value(key)
        with self._writing(Effect("asset", "set", key, number)):
            self._call(self._asset, "set", key, value, commit="now")

    def _delete_at_once(self) -> None:
        if self._has_cleared_asset:
            return
        key = self._drawing.choice(_AT_ONCE_KEYS)
        with self._writing(Effect("asset", "delete", key, None)):
            self._call(self._asset, "delete", key, commit="now")

    # --- how ---------------------------------------------------------------------------------------------

    def _new_value(self, key: str) -> tuple[int, str]:
        self._last_number += 1
        size_bytes = self._drawing.choice(self._work.sizes_bytes)
        return self._last_number, text_of(key, self._last_number, size_bytes)

    def _call(self, accessor: Any, method: str, *arguments: Any, **options: Any) -> Any:
        if self._work.is_async:
            return asyncio.run(getattr(accessor, f"a{method}")(*arguments, **options))
        return getattr(accessor, method)(*arguments, **options)

    @contextlib.contextmanager
    def _writing(self, *effects: Effect) -> Iterator[list[Any]]:
        self._ledger.append(Attempt(self.try_number, effects))
        self._on_step("attempted")
        results: list[Any] = [None] * len(effects)
        try:
            yield results
        except statekeep.StatekeepError as error:
            self._ledger.append(Refused(self.try_number, type(error).__name__))
            raise
        self._ledger.append(Acknowledged(self.try_number, tuple(results)))
        self._on_step("acknowledged")

    def _note_reads(self, where: str, entries: list[Any]) -> None:
        for entry in entries:
            number = number_of(entry.key, entry.value)
            self._ledger.append(Read(f"try {self.try_number}", where, entry.key, entry.version, number))


def numbers(entries: list[Any]) -> dict[str, Any]:
    """Return the number of each entry's value, by key; those apart that expire at any moment."""
    return {each.key: number_of(each.key, each.value) for each in entries if each.key not in BRIEF_KEYS}


if __name__ == "__main__":
    main()
