"""Things are handed over in order, to as many threads as there is work for, and none is left lying."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import Empty

import pytest
from statekeep_core.server.handover import Handover

_PATIENCE_SECONDS = 60


class Watched(Handover[int]):
    """Says how many threads wait."""

    def waiting(self) -> int:
        with self._lock:
            return len(self._waiting)


def until(is_so: Callable[[], bool]) -> None:
    has_changed = threading.Event()
    for _ in range(_PATIENCE_SECONDS * 1_000):
        if is_so():
            return
        has_changed.wait(0.001)
    raise AssertionError("it did not come to that")


def taking(queue: Handover[int], taken: list[list[int]], most: int = 1) -> threading.Thread:
    """Start a thread that takes up to so many things at once, until a None."""

    def take() -> None:
        while (thing := queue.get()) is not None:
            group = [thing]
            taken.append(group)
            while len(group) < most:
                try:
                    thing = queue.get_nowait()
                except Empty:
                    break
                if thing is None:
                    return
                group.append(thing)

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    return thread


def test_what_was_put_in_comes_out_in_order() -> None:
    queue: Handover[int] = Handover()
    for number in range(5):
        queue.put(number)
    assert queue.qsize() == 5
    assert [queue.get() for _ in range(4)] == [0, 1, 2, 3]
    assert queue.get_nowait() == 4
    with pytest.raises(Empty):
        queue.get_nowait()


class TakenOnceLookedAt(deque[int | None]):
    """Is empty right after somebody has seen that it is not, as when another thread has been quicker."""

    def __len__(self) -> int:
        length = super().__len__()
        self.clear()
        return length


def test_what_another_thread_takes_first_is_nothing_to_fall_over() -> None:
    queue: Handover[int] = Handover()
    queue._things = TakenOnceLookedAt([1])
    taken: list[int | None] = []
    thread = threading.Thread(target=lambda: taken.append(queue.get()), daemon=True)
    thread.start()
    until(lambda: not thread.is_alive() or bool(queue._waiting))
    queue._things = deque()
    queue.put(2)
    thread.join(_PATIENCE_SECONDS)
    assert taken in ([1], [2])


def test_no_more_threads_are_woken_than_there_is_work_for() -> None:
    queue = Watched(taken_at_once=3)
    # Threads that wait, and are slow to come when they are woken.
    alarms = [threading.Lock() for _ in range(3)]
    for alarm in alarms:
        alarm.acquire()
        queue._waiting.append(alarm)
    woken = []
    for number in range(7):
        queue.put(number)
        woken.append([place for place, alarm in enumerate(alarms) if not alarm.locked()])
    # The one that began to wait last comes first.
    assert woken == [[2]] * 3 + [[1, 2]] * 3 + [[0, 1, 2]]


def test_each_none_wakes_a_thread_of_its_own() -> None:
    queue, taken = Watched(taken_at_once=64), list[list[int]]()
    threads = [taking(queue, taken, most=64) for _ in range(4)]
    until(lambda: queue.waiting() == 4)
    for thing in (1, None, None, None, None):
        queue.put(thing)
    for thread in threads:
        thread.join(_PATIENCE_SECONDS)
        assert not thread.is_alive()
    assert taken == [[1]]


def test_nothing_is_left_lying_and_everybody_is_told_of_the_end() -> None:
    queue, taken = Watched(taken_at_once=4), list[list[int]]()
    threads = [taking(queue, taken, most=4) for _ in range(3)]
    for number in range(5_000):
        queue.put(number)
        if number % 100 == 0:
            until(lambda: not queue.qsize() and queue.waiting() == 3)
    for _ in threads:
        queue.put(None)
    for thread in threads:
        thread.join(_PATIENCE_SECONDS)
        assert not thread.is_alive()
    assert sorted(number for group in taken for number in group) == list(range(5_000))
