"""Durations as people type them."""

from __future__ import annotations

import argparse


def seconds(text: str) -> float:
    """Return a number of seconds that can be waited for, as argparse's types do."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:  # NaN is not
        raise argparse.ArgumentTypeError(f"{text!r:.40} is no number of seconds from 0 to 999,999,999")
    return number


def duration_seconds(text: str) -> float:
    """Return the seconds of a duration with its unit: 24h, 90m, 2d."""
    from .._shared.state.errors import InvalidRetentionError
    from .._shared.state.retention import NEVER, parse_retention

    try:
        duration = parse_retention(text)
    except InvalidRetentionError:
        duration = NEVER
    if duration == NEVER:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is no duration such as 24h, 90m or 2d")
    return duration.total_seconds()
