"""From a retention as it was asked for to the instant that is stored."""

from __future__ import annotations

_US_PER_SECOND = 1_000_000

# Seconds, "never", or None: whatever holds where nobody asked.
Retention = float | str | None


def expires_at(retention: Retention, now_us: int) -> int | None:
    """Return when an entry that is written now expires; None when not by a retention of its own."""
    if retention is None or isinstance(retention, str):
        return None
    return now_us + round(retention * _US_PER_SECOND)
