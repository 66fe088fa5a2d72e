"""What a task process pays for importing Statekeep."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.measurement import Measurement, wall_ms

_RUNS = 25
# What a task needs: the context, and the accessors that it hands out.
_TASK_IMPORTS = "import statekeep; statekeep.current_context; import statekeep.channel.client"
# Not ru_maxrss, which a new program inherits from the process that it replaced.
_PEAK_KIB = "print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')])"


def measure() -> list[Measurement]:
    """Measure the import over a bare interpreter, run by run in turn, and the memory that it takes."""
    paired = [(_once("pass"), _once(_TASK_IMPORTS)) for _ in range(_RUNS)]
    over_bare = [imported - bare for bare, imported in paired]
    return [
        Measurement("import of what a task needs, over a bare interpreter", "ms", over_bare, goal=30),
        Measurement("memory of a process with it, at the peak", "MiB", [_peak_mib()], goal=20),
    ]


def _once(code: str) -> float:
    [figure] = wall_ms([sys.executable, "-c", code], os.environ, runs=1)
    return figure


def _peak_mib() -> float:
    command = [sys.executable, "-c", f"{_TASK_IMPORTS}; {_PEAK_KIB}"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024
