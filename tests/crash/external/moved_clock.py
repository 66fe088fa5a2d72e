"""A store's wall clock, ahead of the true one: what these tests move instead of waiting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from statekeep_core.metastore.clock import Instant, SystemClock


class MovedClock:
    """Leases go by the other clock, which is the true one."""

    def __init__(self, ahead_seconds: float) -> None:
        self._ahead_seconds = ahead_seconds
        self._clock = SystemClock()

    def __call__(self) -> Instant:
        now = self._clock()
        return now._replace(wall_us=now.wall_us + int(self._ahead_seconds * 1_000_000))


def moved_now(ahead_seconds: float) -> datetime:
    """Return the instant that such a clock shows, for a worker."""
    return datetime.now(UTC) + timedelta(seconds=ahead_seconds)
