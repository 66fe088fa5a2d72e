"""Tells the log once that the store is away, and once that it is back."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from statekeep_core._shared.state.errors import StatekeepError, UnavailableError

from .telemetry.logs import event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0
# What refuses when too many wait already, or at the end; of the store this says nothing.
THE_SERVER = "the server"


class Outages:
    """Looks at the store when a request did not get through, until one does.

    Not every request that is told `unavailable` was told so because the store is away: a row may have been
    held for too long. Looks once per second at most. Used in the event loop.
    """

    def __init__(
        self, look: Callable[[], Awaitable[object]], *, pause_seconds: float = _PAUSE_SECONDS
    ) -> None:
        self._look = look
        self._pause_seconds = pause_seconds
        self._watching: asyncio.Task[None] | None = None
        self._is_closed = False

    def doubt(self) -> None:
        """Take note that a request did not get through."""
        if not self._is_closed and (self._watching is None or self._watching.done()):
            self._watching = asyncio.ensure_future(self._watch())

    def close(self) -> None:
        """Look no more."""
        self._is_closed = True
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self) -> None:
        away_at: float | None = None
        while (error := await self._refusal()) is not None:
            if away_at is None and error.facts["what"] != THE_SERVER:
                away_at = time.monotonic()
                _log.warning("the store is away: %s", error, extra=event("store_away"))
            await asyncio.sleep(self._pause_seconds)
        if away_at is not None:
            seconds = round(time.monotonic() - away_at, 1)
            _log.info("the store is back after %s s", seconds, extra=event("store_back", seconds=seconds))
        await asyncio.sleep(self._pause_seconds)

    async def _refusal(self) -> UnavailableError | None:
        try:
            await self._look()
        except UnavailableError as error:
            return error
        except StatekeepError:  # it answers, whatever it says
            return None
        return None
