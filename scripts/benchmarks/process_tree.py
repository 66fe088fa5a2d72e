"""The processor time of a process and of all that it started (Linux only)."""

from __future__ import annotations

import os
from pathlib import Path


def cpu_seconds(root: int) -> float:
    """Return what the process, its descendants, and those of them that have ended have taken."""
    by_parent: dict[int, list[int]] = {}
    taken: dict[int, float] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            parent, seconds = _of(folder)
            by_parent.setdefault(parent, []).append(int(folder.name))
            taken[int(folder.name)] = seconds
    total, waiting = 0.0, [root]
    while waiting:
        process_id = waiting.pop()
        total += taken.get(process_id, 0.0)
        waiting += by_parent.get(process_id, [])
    return total


def _of(folder: Path) -> tuple[int, float]:
    """Return the parent of a process and its time; of one that has just gone, nothing."""
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0.0
    # utime, stime, and both of the children that were waited for
    return int(fields[1]), sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
