#!/usr/bin/env python3
"""Times the vendoring check on a generated workspace: the full check, the identity pass, and the commands.

Prints a median and the spread per row; the tree is made in a temporary folder and removed.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from vendoring.check import find_faults
from vendoring.generated_workspace import write_workspace
from vendoring.identity import identity_faults
from vendoring.repository import Repository

COMMAND = Path(__file__).with_name("check_vendored.py")


def main(arguments: list[str] | None = None) -> int:
    """Make the tree and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=int, default=100, help="shared distributions in the tree (100)")
    parser.add_argument("--modules", type=int, default=10, help="modules in each of them (10)")
    parser.add_argument("--rounds", type=int, default=9, help="measurements per row (9)")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-vendoring-") as folder:
        root = Path(folder)
        write_workspace(root, [f"part_{number}" for number in range(asked.shared)], modules=asked.modules)
        print(f"{asked.shared} shared distributions of {asked.modules} modules, {asked.rounds} rounds")
        for name, measured in _rows(root).items():
            print(_row(name, [_seconds(measured) for _ in range(asked.rounds)]))
    return 0


def _rows(root: Path) -> dict[str, Callable[[], object]]:
    return {
        "identity pass, in process": lambda: list(identity_faults(Repository(root))),
        "full check, in process": lambda: find_faults(root),
        "check_vendored.py --quick": lambda: _run("--quick", "--root", str(root)),
        "check_vendored.py": lambda: _run("--root", str(root)),
    }


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, COMMAND, *arguments], check=True, stdout=subprocess.DEVNULL)


def _seconds(measured: Callable[[], object]) -> float:
    started = time.perf_counter()
    measured()
    return time.perf_counter() - started


def _row(name: str, seconds: list[float]) -> str:
    median, low, high = (1000 * value for value in (statistics.median(seconds), min(seconds), max(seconds)))
    return f"{name:<28} median {median:8.1f} ms   ({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    raise SystemExit(main())
