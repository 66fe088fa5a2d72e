"""Hands things to threads that wait for them, and wakes no more of them than there is work for."""

from __future__ import annotations

import threading
from collections import deque
from queue import Empty
from typing import Generic, TypeVar

T = TypeVar("T")


class Handover(Generic[T]):
    """A queue for several threads, each of which takes up to so many things at once.

    The standard queues wake another thread whenever one has taken something: it finds nothing, and has kept
    the interpreter from those that have work. This one wakes the thread that began to wait last, whose
    memory is still warm, and a second one only for what the first will not take. A None is for one thread,
    which takes nothing behind it. Safe for threads.
    """

    def __init__(self, taken_at_once: int = 1) -> None:
        self._taken_at_once = taken_at_once
        self._things: deque[T | None] = deque()
        self._lock = threading.Lock()
        # Of each thread that waits, what it is woken by; and how many were woken and are not here yet.
        self._waiting: list[threading.Lock] = []
        self._woken = 0

    def put(self, thing: T | None) -> None:
        """Put in a thing, behind the others."""
        with self._lock:
            self._things.append(thing)
            is_taken_care_of = len(self._things) <= self._woken * self._taken_at_once
            if not self._waiting or (is_taken_care_of and thing is not None):
                return
            self._woken += 1
            alarm = self._waiting.pop()
        alarm.release()

    def get(self) -> T | None:
        """Wait for the next thing."""
        while True:
            with self._lock:
                try:
                    return self._things.popleft()
                except IndexError:  # not looked at first: get_nowait takes things without this lock
                    alarm = threading.Lock()
                alarm.acquire()
                self._waiting.append(alarm)
            alarm.acquire()
            with self._lock:
                self._woken -= 1

    def get_nowait(self) -> T | None:
        """Return the next thing; raises :class:`queue.Empty`."""
        try:
            return self._things.popleft()
        except IndexError:
            raise Empty from None

    def qsize(self) -> int:
        """Return how many things wait."""
        return len(self._things)
