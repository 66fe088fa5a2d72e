"""A task that fills the disk on which its state is kept, then makes room again. Run as a module:

python -m tests.crash.fill_disk DISK REPORT
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import statekeep
from statekeep.errors import UnavailableError

if TYPE_CHECKING:
    from statekeep import TaskStateAccessor

_VALUE = "x" * 20_000
_CHUNK = b"\0" * 4096


def main() -> None:
    """Fill the disk, note what is refused and what is kept, and make room again."""
    disk, report = map(Path, sys.argv[1:])
    context = statekeep.current_context()
    state, table = context.task_state, context.asset_state["table"]
    state.set("count", 0)
    table.set("watermark", 1)
    balloon = disk / "balloon"
    _fill(balloon)
    acknowledged, refusal = _write_until_refused(state)
    before = state.get("count")
    lease_is_over_at = time.monotonic() + 1.5
    counted = 0
    while time.monotonic() < lease_is_over_at:
        with contextlib.suppress(UnavailableError):
            state.increment("count")
            counted += 1
    kept = sum(state.get(f"key {number}") == _VALUE for number in range(acknowledged))
    is_whole = state.get(f"key {acknowledged}") is None
    balloon.unlink()
    state.set("after", _VALUE)
    facts = {
        "acknowledged": acknowledged,
        "kept": kept,
        "refusal": str(refusal),
        "error": type(refusal).__name__,
        "refused_left_nothing": is_whole,
        "counted": [counted, state.get("count") - before],
    }
    report.write_text(json.dumps(facts))


def _fill(balloon: Path) -> None:
    with contextlib.suppress(OSError), balloon.open("wb", buffering=0) as file:
        while file.write(_CHUNK):
            pass


def _write_until_refused(state: TaskStateAccessor) -> tuple[int, Exception]:
    acknowledged = 0
    while True:
        try:
            state.set(f"key {acknowledged}", _VALUE)
        except UnavailableError as refusal:
            return acknowledged, refusal
        acknowledged += 1


if __name__ == "__main__":
    main()
