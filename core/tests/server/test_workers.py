"""How soon a worker is replaced; what processes do is shown in tests/server/test_workers.py."""

from __future__ import annotations

import subprocess
import sys

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


_SHORT_OF_PROCESSES = """
import errno, logging, os, signal
from statekeep_core.server.workers import Workers

logging.basicConfig(format="%(message)s")
fork = os.fork
has_room = iter([False, False, True, False, True])

def fork_if_there_is_room():
    if next(has_room):
        return fork()
    raise BlockingIOError(errno.EAGAIN, "no more processes")

def work(lifeline, pulse):
    pulse.ready()
    os.read(lifeline, 1)
    return 0

def are_ready():
    os.kill(os.getpid(), signal.SIGTERM)

os.fork = fork_if_there_is_room
print(Workers(2, work, grace_seconds=60, are_ready=are_ready).run(), len(list(has_room)))
"""


def test_a_worker_that_the_system_has_no_room_for_is_tried_again() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _SHORT_OF_PROCESSES], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.stdout == "0 0\n", ran.stderr
    assert ran.stderr.splitlines() == [
        "worker 1 could not be started: no more processes; another attempt in 0.0 s",
        "worker 1 could not be started: no more processes; another attempt in 0.5 s",
        "worker 2 could not be started: no more processes; another attempt in 0.0 s",
    ]
