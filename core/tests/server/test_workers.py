"""How soon a worker is replaced; what processes do is shown in tests/server/test_workers.py."""

from __future__ import annotations

from statekeep_core.server.workers import Worker


def pauses(*lifetimes_seconds: float) -> list[float]:
    """Return how long a place stays empty after each of several processes that lived for so long."""
    worker, now, found = Worker(1), 0.0, []
    for lifetime_seconds in lifetimes_seconds:
        worker.started(1234, now)
        now += lifetime_seconds
        worker.ended(now)
        assert worker.process_id == 0
        found.append(worker.start_at - now)
        now = worker.start_at
    return found


def test_the_first_death_is_answered_at_once_and_further_ones_ever_later() -> None:
    assert pauses(1, 1, 1, 1, 1) == [0, 0.5, 1, 2, 4]
    assert pauses(*[1] * 2_000)[-1] == 30


def test_who_has_served_for_a_while_is_replaced_at_once_again() -> None:
    assert pauses(1, 1, 1, 3_600, 1, 1) == [0, 0.5, 1, 0, 0.5, 1]
