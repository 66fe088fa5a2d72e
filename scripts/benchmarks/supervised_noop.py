"""What it costs to supervise a command that does nothing, in a fresh process, store included."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measurement import Measurement, wall_ms
from benchmarks.temporary_store import temporary_store

_RUNS = 25
_COMMAND = str(Path(sys.executable).with_name("statekeep"))
_NAMES = ("--dag", "bench", "--run", "1", "--task", "noop", "--rerun")


def measure() -> list[Measurement]:
    """Measure a bare interpreter, a supervised command, and a supervised Python function."""
    with temporary_store() as environ:
        bare = wall_ms([sys.executable, "-c", "pass"], environ, runs=_RUNS)
        command = wall_ms([_COMMAND, "run", *_NAMES, "--", "true"], environ, runs=_RUNS)
        function = wall_ms([_COMMAND, "run", *_NAMES, "os:getpid"], environ, runs=_RUNS)
    return [
        Measurement("a bare Python start, for comparison", "ms", bare),
        Measurement("a supervised no-op, process start to end: a command", "ms", command, goal=100),
        Measurement("a supervised no-op, process start to end: a function", "ms", function),
    ]
