"""What one get or set costs inside a task, through the supervisor, on the embedded store."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measurement import Measurement
from benchmarks.temporary_store import temporary_store

_COMMAND = str(Path(sys.executable).with_name("statekeep"))
_TASK = Path(__file__).with_name("timed_task.py")


def measure() -> list[Measurement]:
    """Measure each operation in one task, every call by itself, on a value of 100 bytes."""
    with temporary_store() as environ, tempfile.NamedTemporaryFile(mode="r") as report:
        names = ("--dag", "bench", "--run", "1", "--task", "operations", "--outlet", "bench")
        command = [_COMMAND, "run", *names, "--", sys.executable, str(_TASK), report.name]
        subprocess.run(command, env=environ, check=True)
        figures = json.load(report)
    goals = {"set": 0.5, "get": 0.4}
    rows = []
    for operation, milliseconds in figures.items():
        name = f"one {operation} inside a task, through the supervisor"
        rows.append(Measurement(name, "ms", milliseconds, goals.get(operation)))
        if operation in goals:
            rows.append(Measurement(f"{name}, p99", "ms", milliseconds, goal=1.5, percentile=99))
    return rows
