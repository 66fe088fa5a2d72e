"""The write lock excludes, lets go when its holder dies, is fair, and gives up in time."""

import os
import signal
import threading
import time
from collections import deque
from pathlib import Path

import pytest
from statekeep_core._shared.state.errors import UnavailableError
from statekeep_core.metastore.write_lock import WriteLock


def test_no_two_holders_overlap(tmp_path: Path) -> None:
    """Each open description is its own holder, so two threads stand for two processes."""
    inside: deque[int] = deque()
    overlaps = []

    def hold_often() -> None:
        lock = WriteLock(tmp_path / "state.db")
        for _ in range(50):
            with lock.held():
                inside.append(1)
                overlaps.append(len(inside))
                inside.pop()
        lock.close()

    threads = [threading.Thread(target=hold_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert overlaps == [1] * 200


def test_a_holder_that_is_killed_holds_no_longer(tmp_path: Path) -> None:
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        with WriteLock(tmp_path / "state.db").held():
            os.write(tell, b"!")
            signal.pause()
    os.read(ready, 1)
    mine = WriteLock(tmp_path / "state.db", patience_seconds=0.01)
    with pytest.raises(UnavailableError, match=r"held its lock for 0\.01 s"), mine.held():
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with mine.held():
        pass


def test_a_refused_wait_leaves_the_turn_to_others(tmp_path: Path) -> None:
    holder, refused, third = (WriteLock(tmp_path / "state.db", patience_seconds=0.01) for _ in range(3))
    with holder.held(), pytest.raises(UnavailableError), refused.held():
        pass
    with third.held():
        pass


def test_a_busy_holder_cannot_starve_a_waiter(tmp_path: Path) -> None:
    """The busy one takes the lock again at once, over and over; the waiter gets in between."""
    stop = threading.Event()
    rounds = [0]

    def be_busy() -> None:
        busy = WriteLock(tmp_path / "state.db")
        while not stop.is_set():
            with busy.held():
                rounds[0] += 1
                time.sleep(0.002)  # what a commit takes

    thread = threading.Thread(target=be_busy)
    thread.start()
    waiter = WriteLock(tmp_path / "state.db", patience_seconds=30)
    waited_rounds = []
    for _ in range(20):
        before = rounds[0]
        with waiter.held():
            waited_rounds.append(rounds[0] - before)
    stop.set()
    thread.join()
    assert max(waited_rounds) < 20
