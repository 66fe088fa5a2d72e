"""How much memory this process has held at its peak."""

from __future__ import annotations

from pathlib import Path


def peak_mb() -> float:
    """Return the peak so far, in megabytes of 1,000,000 bytes."""
    # Not ru_maxrss, which a new program inherits from the process that it replaced.
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    kib = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return kib * 1024 / 1e6
