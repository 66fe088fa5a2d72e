"""The store's time: a wall clock for what is kept, and a clock that no one can set for leases."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NamedTuple, Protocol


class Instant(NamedTuple):
    """One moment on both clocks.

    ``wall_us``: microseconds since the Unix epoch, for expiry and for people. ``boot_us``: microseconds
    since the machine started, sleep included; it never jumps, and is comparable only under one ``boot_id``.
    """

    wall_us: int
    boot_us: int
    boot_id: str


class Clock(Protocol):
    """Where a store reads the time. Tests give their own."""

    def __call__(self) -> Instant: ...


class SystemClock:
    """The clocks of this machine.

    Raises :class:`OSError` at construction when the machine does not say when it was started.
    """

    def __init__(self) -> None:
        self._boot_id = _boot_id()
        # Linux counts sleep in CLOCK_BOOTTIME only; on macOS CLOCK_MONOTONIC counts it.
        self._clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def __call__(self) -> Instant:
        return Instant(
            wall_us=time.time_ns() // 1000,
            boot_us=time.clock_gettime_ns(self._clock) // 1000,
            boot_id=self._boot_id,
        )


def _boot_id() -> str:
    if sys.platform == "darwin":
        import subprocess

        command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
