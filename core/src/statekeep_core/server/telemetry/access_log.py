"""What the log says of requests: one line each when asked for, and always those that met a fault."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from statekeep_core._shared.state.errors import (
    InternalFaultError,
    StoreUnusableError,
    UnauthenticatedError,
    UnavailableError,
)

from .bounded import Bounded
from .logs import event
from .observing import OK, PROBES, Observer, trace_id_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .observing import Exchange

_log = logging.getLogger(__name__)

_FAULTS = frozenset({InternalFaultError.code, StoreUnusableError.code})


class AccessLog(Observer):
    """Writes lines about requests. ``every``: also about those that nothing was wrong with."""

    def __init__(self, *, every: bool, now: Callable[[], float] = time.monotonic) -> None:
        self._every = every
        self._refused = Bounded(now)
        self._unavailable = Bounded(now)

    def request_ended(self, exchange: Exchange) -> None:
        if exchange.code in _FAULTS:
            _log.error("a request met a fault", extra=_described("request_fault", exchange))
        elif exchange.code == UnauthenticatedError.code:
            self._warn(self._refused, "a credential was refused", "credential_refused", exchange)
        elif exchange.code == UnavailableError.code:
            self._warn(self._unavailable, "a request was turned away", "request_unavailable", exchange)
        if self._every and not (exchange.operation in PROBES and exchange.code == OK):
            _log.info("a request was answered", extra=_described("request", exchange))

    def _warn(self, bounded: Bounded, message: str, name: str, exchange: Exchange) -> None:
        unsaid = bounded.unsaid()
        if unsaid is not None:
            _log.warning(message, extra=_described(name, exchange, unsaid_before=unsaid))


def principal_of(exchange: Exchange) -> str:
    """Return who asked: the name of a credential, or a task instance and its try; empty for nobody known."""
    caller = exchange.caller
    if caller is None:
        return ""
    if caller.token is not None:
        return f"{caller.token.ti_id}/{caller.token.try_number}"
    return f"{caller.role}:{caller.name}"


def _described(name: str, exchange: Exchange, **more: int) -> dict[str, Any]:
    return event(
        name,
        method=exchange.method,
        operation=exchange.operation,
        status=exchange.status,
        code=exchange.code,
        duration_ms=round(exchange.seconds * 1000, 3),
        request_id=exchange.request_id,
        trace_id=exchange.trace_id or trace_id_of(exchange.headers),
        principal=principal_of(exchange),
        peer=exchange.peer,
        **more,
    )
