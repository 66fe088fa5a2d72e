"""A task as a user would write it, which keeps a ledger of its own beside Statekeep. Run as a module:

python -m tests.crash.job LEDGER WORK        (WORK: a JSON list, the fields of `Work`)
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import statekeep

from tests.crash.ledger import Acknowledged, Attempt, Done, Effect, Ledger, Refused, Seen, whole

OUTLET = "table"


class Work(NamedTuple):
    """What one try does: so many pieces, from where the last one stood.

    ``has_child``: it has a child process that never ends by itself. ``gate``: a named pipe; the work waits
    before its last piece until somebody opens it for writing and closes it.
    """

    pieces: int = 2
    exit_status: int = 0
    has_child: bool = False
    gate: str = ""


def main() -> None:
    """Do the work that the arguments ask for."""
    ledger = Ledger(Path(sys.argv[1]))
    work = Work(*json.loads(sys.argv[2]))
    child = _spawn_child(child_lock(ledger)) if work.has_child else None
    context = statekeep.current_context()
    state, table = context.task_state, context.asset_state[OUTLET]
    ledger.append(Seen(context.try_number, _all_of(state), _all_of(table)))
    first = state.get("next_piece", 0)
    for piece in range(first, first + work.pieces):
        if work.gate and piece == first + work.pieces - 1:
            Path(work.gate).read_bytes()
        _do_piece(context, ledger, piece)
    if child is not None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    ledger.append(Done(context.try_number, work.exit_status))
    sys.exit(work.exit_status)


def child_lock(ledger: Ledger) -> Path:
    """Return the file that a job's child holds locked for as long as it lives."""
    return ledger.path.with_suffix(".child")


def _do_piece(context: statekeep.Context, ledger: Ledger, piece: int) -> None:
    state, table = context.task_state, context.asset_state[OUTLET]
    value = whole(f"{context.try_number}.{piece}")

    @contextlib.contextmanager
    def writing(*effects: Effect) -> Iterator[list[Any]]:
        ledger.append(Attempt(context.try_number, effects))
        results: list[Any] = [None] * len(effects)
        try:
            yield results
        except statekeep.StatekeepError as error:
            ledger.append(Refused(context.try_number, type(error).__name__))
            raise
        ledger.append(Acknowledged(context.try_number, tuple(results)))

    with writing(Effect("task", "set", "piece", value)):
        state.set("piece", value)
    with writing(Effect("task", "increment", "count", 1)) as results:
        results[0] = state.increment("count")
    with writing(Effect("staged", "set_max", "watermark", piece)):
        table.set_max("watermark", piece)
    with writing(Effect("staged", "increment", "rows", 1)):
        table.increment("rows")
    with writing(Effect("asset", "set", "progress", value)):
        table.set("progress", value, commit="now")
    with writing(
        Effect("task", "set", "copy", value),
        Effect("task", "increment", "batches", 1),
        Effect("task", "set", "next_piece", piece + 1),
    ) as results:
        with state.batch() as batch:
            batch.set("copy", value)
            batch.increment("batches")
            batch.set("next_piece", piece + 1)
        results[1] = batch.results[1]


def _all_of(state: statekeep.TaskStateAccessor | statekeep.AssetStateAccessor) -> dict[str, Any]:
    return {entry.key: entry.value for entry in state.entries()}


def _spawn_child(lock: Path) -> int:
    """Start a process that waits for ever, and return when it holds the lock."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(writing, b".")
        while True:
            signal.pause()
    os.read(reading, 1)
    return child


if __name__ == "__main__":
    main()
