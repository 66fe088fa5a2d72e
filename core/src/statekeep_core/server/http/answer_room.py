"""Room for answers: those that may be large are made and sent a few at a time, so that memory is bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from types import MappingProxyType
from typing import TYPE_CHECKING

from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.errors import UnavailableError
from statekeep_core.execution_api.state import MAX_BATCH_READ_BYTES, MAX_PAGE_BYTES, MAX_PAGE_ROWS

if TYPE_CHECKING:
    from statekeep_core._shared.state.wire import Plain

DEFAULT_TOTAL_BYTES = 256 * 1024 * 1024
_PATIENCE_SECONDS = 10.0
_VALUES_OF = MappingProxyType({m.Get.__name__: 1, m.Increment.__name__: 1, m.SetMax.__name__: 1})


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
        """Return the most that the answer may come to; 0 for one that has at most one value."""
        match request["kind"]:
            case m.Batch.__name__:
                return self._of_batch(request.get("operations"))
            case m.ListHistory.__name__:
                limit = request.get("limit", m.ListHistory._field_defaults["limit"])
                rows = min(limit, MAX_PAGE_ROWS) if isinstance(limit, int) and limit > 0 else 0
                return rows * self._max_value_bytes
            case m.ListEntries.__name__ if request.get("with_values"):
                return MAX_PAGE_BYTES + self._max_value_bytes
        return 0

    def _of_batch(self, operations: object) -> int:
        asked = operations if isinstance(operations, list) else []
        values = sum(_VALUES_OF.get(str(each.get("kind")), 0) for each in asked if isinstance(each, dict))
        return min(values * self._max_value_bytes, MAX_BATCH_READ_BYTES)

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
