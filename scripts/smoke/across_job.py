"""The tasks of the smoke test across releases; run by a worker of one release, against a server of the other.

Run as ``python across_job.py NAME``. Prints what it found; the caller knows what that has to be.
"""

from __future__ import annotations

import sys

import statekeep
from statekeep import errors

TABLE = statekeep.Asset("table", "duckdb://table")


def write() -> None:
    """Use every kind of write once, and fail: task state stays, what is staged does not."""
    context = statekeep.current_context()
    state = context.task_state
    for number in range(3):
        state.set("k", number)
    entry = state.entry("k")
    version = None if entry is None else entry.version
    state.set("k", 3, if_version=version)
    try:
        state.set("k", 4, if_version=version)
    except errors.ConflictError:
        print("conflict")
    state.set("first", 1, if_absent=True)
    state.set("kept", 1, retention=statekeep.NEVER)
    print(state.increment("n", 2), state.set_max("high", 7), state.update("k", lambda value: value + 1))
    state.set("gone", 1)
    state.delete("gone")
    state.set("large", "x" * 50_000)
    context.asset_state[TABLE].set("day", "never")
    context.asset_state[TABLE].set("checkpoint", 1, commit="now")
    raise SystemExit(3)


def go_on() -> None:
    """Find what was written, stage, live through the server's death, and succeed."""
    context = statekeep.current_context()
    state, table = context.task_state, context.asset_state[TABLE]
    print(state.get("k"), state.get("gone", "absent"), len(state.get("large")), sorted(state.keys()))
    print(table.get("day", "absent"), table.get("checkpoint"))
    print("kill the server", flush=True)
    sys.stdin.readline()
    state.set("k", "after the kill")
    state.set("large", "y" * 50_000)  # replaces an object
    table.set_max("day", "2026-01-31")
    table.increment("runs", 1)


def look() -> None:
    """See what the task that succeeded has left, as another task that declares the asset."""
    table = statekeep.current_context().asset_state[TABLE]
    print(table.get("day"), table.get("runs"), table.get("checkpoint"))


if __name__ == "__main__":
    {"write": write, "go_on": go_on, "look": look}[sys.argv[1]]()
