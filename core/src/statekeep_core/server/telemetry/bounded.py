"""How many lines of a log are about what anybody can cause."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LINES = 10
_WINDOW_SECONDS = 60.0


class Bounded:
    """Lets ten lines a minute through, and counts the others."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._window_began_at = now()
        self._lines = 0
        self._unsaid = 0

    def unsaid(self) -> int | None:
        """Return how many were held back since the last line; None: hold this one back, too."""
        now = self._now()
        if now - self._window_began_at >= _WINDOW_SECONDS:
            self._window_began_at, self._lines = now, 0
        if self._lines >= _LINES:
            self._unsaid += 1
            return None
        self._lines += 1
        unsaid, self._unsaid = self._unsaid, 0
        return unsaid
