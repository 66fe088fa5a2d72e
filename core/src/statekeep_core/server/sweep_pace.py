"""How large the steps of a sweep are, and how long it rests between them: a request waits for one at most."""

from __future__ import annotations

from typing import NamedTuple

# What a step is to take. On SQLite nothing else is written meanwhile; on PostgreSQL its rows are held.
_STEP_SECONDS = 0.010
_FEWEST_ROWS, _MOST_ROWS = 30, 1_000
# Of a thread's time, the part that is others' in any case; between two steps whoever waits has a turn, too.
_REST = 0.1
_SHORTEST_REST_SECONDS = 0.001


class Pace(NamedTuple):
    """How many rows the next step looks at; found while sweeping: a row costs 5 µs here and 200 there."""

    rows: int = 200

    def after(self, took_seconds: float) -> Pace:
        """Return the pace after a step that took so long; it changes to the double or the half at most."""
        factor = min(2.0, max(0.5, _STEP_SECONDS / max(took_seconds, 1e-6)))
        return Pace(min(_MOST_ROWS, max(_FEWEST_ROWS, int(self.rows * factor))))


def rest_seconds(took_seconds: float) -> float:
    """Return how long to leave the store to the others after a step that took so long."""
    return max(_SHORTEST_REST_SECONDS, took_seconds * _REST / (1 - _REST))
