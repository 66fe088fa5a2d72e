"""Room for answers: those that may be large are made and sent a few at a time, so that memory is bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from statekeep_core._shared.state.errors import UnavailableError

from .answer_sizes import MOST_BYTES, SMALL_BYTES

if TYPE_CHECKING:
    from statekeep_core._shared.state.wire import Plain

DEFAULT_TOTAL_BYTES = 256 * 1024 * 1024
_PATIENCE_SECONDS = 10.0


class AnswerRoom:
    """Lets whoever may be answered with much wait until that has room. Used by one event loop."""

    def __init__(
        self,
        *,
        total_bytes: int = DEFAULT_TOTAL_BYTES,
        max_value_bytes: int = 65_536,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self._free_bytes = self._total_bytes = total_bytes
        self._max_value_bytes = max_value_bytes
        self._patience_seconds = patience_seconds
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def most_bytes(self, request: Plain) -> int:
        """Return the most that the answer may come to; 0 for one that is small in any case."""
        most_bytes = MOST_BYTES[request["kind"]](request, self._max_value_bytes)
        return most_bytes if most_bytes > SMALL_BYTES else 0

    async def take(self, size_bytes: int) -> int:
        """Return the bytes that are taken, to be given back, when there is room.

        Raises :class:`UnavailableError` when there was none for long: others read their answers slowly.
        """
        size_bytes = min(size_bytes, self._total_bytes)
        if not self._waiting and size_bytes <= self._free_bytes:
            self._free_bytes -= size_bytes
            return size_bytes
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size_bytes, turn))
        try:
            async with asyncio.timeout(self._patience_seconds):
                await turn
        except BaseException as error:
            self._leave(size_bytes, turn)
            if isinstance(error, TimeoutError):
                problem = f"there was no room for a large answer for {self._patience_seconds:g} s"
                raise UnavailableError(
                    what="the server", problem=f"{problem}; nothing was changed", changed=False
                ) from None
            raise
        return size_bytes

    def keep(self, taken_bytes: int, answer_bytes: int) -> int:
        """Give back what of the taken room the answer does not need, all of it if it is small.

        Return what is still taken.
        """
        needed_bytes = min(taken_bytes, answer_bytes) if answer_bytes > SMALL_BYTES else 0
        self.give(taken_bytes - needed_bytes)
        return needed_bytes

    def give(self, size_bytes: int) -> None:
        """Give back what was taken."""
        self._free_bytes += size_bytes
        self._admit()

    def _leave(self, size_bytes: int, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():  # it came at the same moment
            self.give(size_bytes)
        else:
            turn.cancel()
            self._admit()

    def _admit(self) -> None:
        while self._waiting and (self._waiting[0][1].cancelled() or self._waiting[0][0] <= self._free_bytes):
            size_bytes, turn = self._waiting.popleft()
            if not turn.cancelled():  # or somebody leaves, and has not got round to it yet
                self._free_bytes -= size_bytes
                turn.set_result(None)
