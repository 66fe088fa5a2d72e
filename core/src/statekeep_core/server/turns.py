"""A queue in which nobody has more than one thing in hand, so that whoever asks much holds up nobody else."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from .handover import Handover

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")


class Turns(Generic[T]):
    """Gives what was put in, in order; but what is somebody's only when nothing of theirs is in hand.

    ``whose`` says whose a thing is; None: nobody's, and it waits for nothing. Whoever has taken a thing says
    with :meth:`done` that it is not in hand any more. A None that is put in comes out after all that waits;
    nothing is put in after it. Safe for threads.
    """

    def __init__(self, whose: Callable[[T], Hashable | None]) -> None:
        self._whose = whose
        self._next: Handover[T] = Handover()
        self._lock = threading.Lock()
        # Those of whom something is in hand or next, with what else of theirs waits.
        self._behind: dict[Hashable, deque[T]] = {}
        self._waiting_behind = 0
        self._endings = 0

    def put(self, thing: T | None) -> None:
        """Put in a thing, or one None for each thread that is to end."""
        if thing is None:
            with self._lock:
                self._endings += 1
                self._end_when_empty()
            return
        owner = self._whose(thing)
        if owner is None:
            self._next.put(thing)
            return
        with self._lock:
            behind = self._behind.get(owner)
            if behind is None:
                self._behind[owner] = deque()
                self._next.put(thing)
            else:
                behind.append(thing)
                self._waiting_behind += 1

    def get(self) -> T | None:
        """Wait for the next thing."""
        return self._next.get()

    def get_nowait(self) -> T | None:
        """Return the next thing; raises :class:`queue.Empty`."""
        return self._next.get_nowait()

    def qsize(self) -> int:
        """Return how many things wait."""
        return self._next.qsize() + self._waiting_behind

    def done(self, thing: T) -> None:
        """Say that a thing is dealt with. The next one of its owner waits behind all others then."""
        owner = self._whose(thing)
        if owner is None:
            return
        with self._lock:
            behind = self._behind[owner]
            if not behind:
                del self._behind[owner]
                return
            self._next.put(behind.popleft())
            self._waiting_behind -= 1
            self._end_when_empty()

    def _end_when_empty(self) -> None:
        if not self._waiting_behind:
            for _ in range(self._endings):
                self._next.put(None)
            self._endings = 0
