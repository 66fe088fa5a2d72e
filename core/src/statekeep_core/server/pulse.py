"""How a worker process shows its parent that it is alive, and how the parent notices that one no longer is.

A process that is stopped, or whose event loop a call holds up, has not died: nothing else would replace it,
and the kernel goes on giving it its share of the connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

READY = b"r"
_BEAT = b"."
# Several beats may come late before silence is one.
_BEATS_IN_A_SILENCE = 8
# How often in it the parent looks at the clock at least.
_LOOKS_IN_A_SILENCE = 4


class Pulse:
    """A worker's end of a pipe to its parent. No write to it waits, or fails when the parent is gone."""

    def __init__(self, descriptor: int, silence_seconds: float) -> None:
        """A ``silence_seconds`` of 0: there is no need to beat, for nobody listens."""
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._every_seconds = silence_seconds / _BEATS_IN_A_SILENCE
        self._next_beat: asyncio.TimerHandle | None = None

    def ready(self) -> None:
        """Tell the parent that this process serves."""
        self._write(READY)

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        """Beat from the running event loop, so that who holds it up is not heard."""
        if not self._every_seconds:
            yield
            return
        self._beat(asyncio.get_running_loop())
        try:
            yield
        finally:
            if self._next_beat is not None:
                self._next_beat.cancel()

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._write(_BEAT)
        self._next_beat = loop.call_later(self._every_seconds, self._beat, loop)

    def _write(self, what: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, BlockingIOError):
            os.write(self._descriptor, what)


class Watch:
    """Says which workers have been silent for so long, by time in which the parent itself was awake.

    A parent that was stopped, alone or with its whole machine, has heard nobody meanwhile, and that says
    nothing: between two looks at the clock no more passes for it than it waits for at most.
    """

    def __init__(self, silence_seconds: float, now: float) -> None:
        self._silence_seconds = silence_seconds
        self.longest_wait_seconds = silence_seconds / _LOOKS_IN_A_SILENCE if silence_seconds else float("inf")
        self._looked_at = now
        self._awake_seconds = 0.0
        self._heard: set[int] = set()
        self._heard_at: dict[int, float] = {}

    def heard(self, number: int) -> None:
        """Note that a worker is alive; from the first time on it is watched."""
        self._heard.add(number)

    def leave(self, number: int) -> None:
        """Watch a worker no longer."""
        self._heard.discard(number)
        self._heard_at.pop(number, None)

    def silent(self, now: float) -> list[int]:
        """Return who has been silent for too long, once. To be asked when all that there is was heard."""
        if not self._silence_seconds:
            return []
        self._awake_seconds += min(now - self._looked_at, self.longest_wait_seconds)
        self._looked_at = now
        self._heard_at.update(dict.fromkeys(self._heard, self._awake_seconds))
        self._heard.clear()
        since = self._awake_seconds - self._silence_seconds
        found = [number for number, heard_at in self._heard_at.items() if heard_at <= since]
        for number in found:
            self.leave(number)
        return found
