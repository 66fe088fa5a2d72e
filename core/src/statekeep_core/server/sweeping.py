"""The sweep of a served store: one server at a time, in small steps between the requests."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from typing import TYPE_CHECKING

from statekeep_core._shared.state.errors import StatekeepError
from statekeep_core._shared.state.messages import Swept
from statekeep_core.metastore import leases
from statekeep_core.retention import is_sweep_due, sweep_step

from .sweep_pace import Pace, rest_seconds
from .telemetry.logs import event
from .telemetry.observing import NOBODY

if TYPE_CHECKING:
    from statekeep_core.policy import Work

    from .engine import Engine
    from .telemetry.observing import Observers

LEASE = "sweep"
# Longer than the longest step and the pause after it; who is killed is succeeded after this.
_LEASE_SECONDS = 30.0
# So often a server looks whether a sweep is due, or whoever was at it is gone.
_LOOK_SECONDS = 60.0

_log = logging.getLogger(__name__)


class Sweeper:
    """Removes what has expired, when no server has done so for ``every_seconds``, and while none is at it."""

    def __init__(self, engine: Engine, every_seconds: float, observers: Observers = NOBODY) -> None:
        self._engine = engine
        self._observers = observers
        self._every_us = int(every_seconds * 1_000_000)
        self._look_seconds = min(_LOOK_SECONDS, every_seconds)
        self._holder = secrets.token_hex(8)

    async def run(self) -> None:
        """Sweep whenever it is due, until cancelled. A store that is away is looked at again later."""
        while True:
            # Servers that were started at once do not look at once.
            await asyncio.sleep(self._look_seconds * random.uniform(0.5, 1.0))  # noqa: S311 -- no secret
            try:
                await self.sweep()
            except StatekeepError as error:
                _log.warning("the sweep goes on later: %s", error, extra=event("sweep_postponed"))

    async def sweep(self) -> None:
        """Sweep if it is due and no other server does; give it up as soon as another one has taken over."""
        cursor, total, pace = None, Swept(), Pace()
        while True:
            began_at = time.monotonic()
            swept = await self._engine.transact(
                lambda work: self._step(work, cursor, pace)  # noqa: B023 -- awaited
            )
            if swept is None:
                return
            self._observers.swept(swept)
            cursor, total = swept.cursor, _sum(total, swept)
            if cursor is None:
                _log.info("the store is swept", extra=event("sweep", **_removed(total)))
                return
            took_seconds = time.monotonic() - began_at
            pace = pace.after(took_seconds)
            await asyncio.sleep(rest_seconds(took_seconds))

    def _step(self, work: Work, cursor: str | None, pace: Pace) -> Swept | None:
        """Do one step; None when it is not this server's to do."""
        if cursor is None and not is_sweep_due(work.tx, self._every_us):
            return None
        if not leases.take(work.tx, LEASE, self._holder, _LEASE_SECONDS):
            return None
        swept = sweep_step(work, cursor, room=pace.rows)
        if swept.cursor is None:
            leases.release(work.tx, LEASE, self._holder)
        return swept


def _sum(one: Swept, other: Swept) -> Swept:
    return Swept(
        one.task_entries + other.task_entries,
        one.asset_entries + other.asset_entries,
        one.requests + other.requests,
    )


def _removed(swept: Swept) -> dict[str, int]:
    return {
        "task_entries": swept.task_entries,
        "asset_entries": swept.asset_entries,
        "requests": swept.requests,
    }
