"""What is said while no server answers: once when it lasts, and once when it is over."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_UNSAID_SECONDS = 2.0


class Outage:
    """Callable from any thread."""

    def __init__(self, say: Callable[[str], object], patience_seconds: float) -> None:
        self._say = say
        self._patience_seconds = patience_seconds
        self._lock = Lock()
        self._since: float | None = None
        self._is_said = False

    def goes_on(self, problem: str) -> None:
        """Take note that a request was not answered; a restart that takes a moment is nobody's concern."""
        with self._lock:
            now = time.monotonic()
            self._since = self._since or now
            if not self._is_said and now - self._since >= _UNSAID_SECONDS:
                self._is_said = True
                how_long = f"each request is repeated for {self._patience_seconds:g} s"
                self._say(f"no server answers ({problem}); {how_long}")

    def is_over(self) -> None:
        """Take note that a request was answered."""
        if self._since is None:
            return
        with self._lock:
            if self._is_said:
                self._say("the server answers again")
            self._since, self._is_said = None, False
