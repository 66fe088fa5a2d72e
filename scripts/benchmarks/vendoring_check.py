"""How long the vendoring check takes on a generated workspace of 100 shared distributions."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from vendoring.check import find_faults
from vendoring.generated_workspace import write_workspace
from vendoring.identity import identity_faults
from vendoring.repository import Repository

from benchmarks.measurement import Measurement

if TYPE_CHECKING:
    from collections.abc import Callable

_SHARED = 100
_MODULES = 10
_RUNS = 9
_COMMAND = Path(__file__).resolve().parents[1] / "check_vendored.py"


def measure() -> list[Measurement]:
    """Measure the full check and the identity pass, in this process and as commands."""
    with tempfile.TemporaryDirectory(prefix="statekeep-bench-") as folder:
        root = Path(folder)
        write_workspace(root, [f"part_{number}" for number in range(_SHARED)], modules=_MODULES)
        tree = f"of {_SHARED} shared distributions"
        return [
            _timed(f"identity pass {tree}", lambda: list(identity_faults(Repository(root))), goal=10),
            _timed(f"full check {tree}", lambda: find_faults(root), goal=1000),
            _timed("check_vendored.py --quick, the same", lambda: _run("--quick", "--root", str(root))),
            _timed("check_vendored.py, the same", lambda: _run("--root", str(root))),
        ]


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, _COMMAND, *arguments], check=True, stdout=subprocess.DEVNULL)


def _timed(name: str, measured: Callable[[], object], goal: float | None = None) -> Measurement:
    figures = []
    for _ in range(_RUNS):
        started = time.perf_counter()
        measured()
        figures.append((time.perf_counter() - started) * 1000)
    return Measurement(name, "ms", figures, goal)
