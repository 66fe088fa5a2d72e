"""Retention: how long an entry is kept, as asked; when it expires, as stored.

A retention is a ``timedelta``, ``NEVER``, or None for the store's own rule. It travels as a duration and is
resolved by the store's clock, so nobody else's clock matters.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from .errors import InvalidRetentionError

TYPE_CHECKING = False  # typing takes 2.5 ms to import, datetime 1.5 ms
if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from typing import Final, Literal, TypeAlias

Retention: TypeAlias = "timedelta | Literal['never'] | None"
WireRetention: TypeAlias = "float | Literal['never'] | None"

# A plain string, so that it is one and the same in every vendored copy, after pickling, and on the wire.
NEVER: Final[Literal["never"]] = "never"

_DAY_SECONDS = 86_400
# 100 years. Up to there a float holds every microsecond, and now + retention stays before year 9999.
MAX_RETENTION_SECONDS = 36_525 * _DAY_SECONDS
MIN_RETENTION_SECONDS = 0.001

_UNIT_SECONDS = MappingProxyType({"d": _DAY_SECONDS, "h": 3_600, "m": 60, "s": 1})
_DURATION = re.compile(r"(\d{1,12})([dhms])", re.ASCII)
_REMEDY = "give a timedelta from 1 millisecond to 36,525 days, NEVER, or None for the store's default"
_TEXT_REMEDY = "give a duration such as 30d, 12h, 15m or 90s, or never"


def check_retention(retention: Retention) -> None:
    """Check a retention; raise :class:`InvalidRetentionError` that says what is wrong with it."""
    to_wire(retention)


def to_wire(retention: Retention) -> WireRetention:
    """Return the form in which a retention travels: seconds, ``"never"`` or None.

    Raises :class:`InvalidRetentionError` for anything that is no retention.
    """
    if retention is None or (type(retention) is str and retention == NEVER):
        return retention
    from datetime import timedelta

    if not isinstance(retention, timedelta):
        raise _refused(f"is of type {type(retention).__name__}")
    return _in_bounds(retention.total_seconds(), _REMEDY)


def check_wire(retention: WireRetention) -> None:
    """Check a retention as it arrived; raise :class:`InvalidRetentionError` for what no caller may send."""
    if retention is None or retention == NEVER:
        return
    if type(retention) not in (int, float):
        raise _refused(f"is of type {type(retention).__name__}")
    _in_bounds(float(retention), _REMEDY)


def expires_at(retention: WireRetention, now: datetime) -> datetime | None:
    """Return when an entry written at ``now`` with this retention expires; None: not by its own retention.

    It is gone from that instant on. None also stands for "no retention asked", for which the store has a
    rule of its own.
    """
    check_wire(retention)
    if retention is None or retention == NEVER:
        return None
    from datetime import timedelta

    return now + timedelta(seconds=float(retention))


def parse_retention(text: str) -> timedelta | Literal["never"]:
    """Return the retention that a person wrote: a number with ``d``, ``h``, ``m`` or ``s``, or ``never``."""
    if text == NEVER:
        return NEVER
    match = _DURATION.fullmatch(text)
    if match is None:
        raise _refused("is no duration", _TEXT_REMEDY)
    from datetime import timedelta

    seconds = int(match[1]) * _UNIT_SECONDS[match[2]]
    return timedelta(seconds=_in_bounds(float(seconds), _TEXT_REMEDY))


def _in_bounds(seconds: float, remedy: str) -> float:
    if not MIN_RETENTION_SECONDS <= seconds <= MAX_RETENTION_SECONDS:  # NaN fails this too
        least, most = MIN_RETENTION_SECONDS, MAX_RETENTION_SECONDS
        raise _refused(f"is {seconds:,} s, outside {least} s to {most:,} s (100 years)", remedy)
    return seconds


def _refused(problem: str, remedy: str = _REMEDY) -> InvalidRetentionError:
    return InvalidRetentionError(what="retention", problem=problem, remedy=remedy)
