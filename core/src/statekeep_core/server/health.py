"""Whether the server lives, and whether it can take a request now."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from statekeep_core._shared.state.errors import StatekeepError, UnavailableError
from statekeep_core.metastore.probing import probe

from .outages import THE_SERVER
from .telemetry.logs import event

if TYPE_CHECKING:
    from .engine import Engine

_log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 2.0
# Probes that come faster than this share an answer: anybody may ask, and each look takes the store's lock.
_SHARED_SECONDS = 1.0


class Health:
    """Looks at the store when it is asked; ``leave`` makes the server unready for good."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._looking: asyncio.Task[str | None] | None = None
        self._looked_at = 0.0
        self._is_leaving = False
        self._logged: str | None = None

    def leave(self) -> None:
        """Say from now on that no more requests are wanted."""
        self._is_leaving = True

    async def problem(self) -> str | None:
        """Return why the server should get no requests now, or None.

        Anybody is told, and so only of what kind the problem is. Where the store is, and who the server is
        there, is for the log.
        """
        if self._is_leaving:
            return "it is shutting down"
        is_old = time.monotonic() - self._looked_at > _SHARED_SECONDS
        if self._looking is None or (self._looking.done() and is_old):
            self._looked_at = time.monotonic()
            self._looking = asyncio.ensure_future(self._look())
        return await asyncio.shield(self._looking)

    async def _look(self) -> str | None:
        """Write what is there already, which needs everything that a request may need."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._engine.transact(lambda work: probe(work.tx))
        except TimeoutError as error:
            return self._noted(f"the store has not answered for {_PATIENCE_SECONDS:g} s", error)
        except StatekeepError as error:
            return self._noted(_kind_of(error), error)
        self._logged = None
        return None

    def _noted(self, kind: str, error: Exception) -> str:
        """Tell the log, once until it is another kind or none, and return the kind."""
        if kind != self._logged:
            self._logged = kind
            _log.warning("the server is not ready: %s", str(error) or kind, extra=event("unready"))
        return kind


def _kind_of(error: StatekeepError) -> str:
    if not isinstance(error, UnavailableError):
        return "the store cannot be used"
    return str(error) if error.facts["what"] == THE_SERVER else "the store does not answer"
