"""The one seam through which logs, metrics and traces learn what the server does."""

from __future__ import annotations

import random
import re
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from statekeep_core._shared.state.messages import Swept
    from statekeep_core.server.caller import Caller

    Headers = Mapping[bytes, bytes]

# As long as the store takes them, and nothing that could break a line of a log or a header.
_REQUEST_ID = re.compile(rb"[!-~]{1,64}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})")
_SAMPLED = 1

METRICS_PATH = "/metrics"
# What is asked every few seconds, by whoever watches.
PROBES = frozenset({"health/live", "health/ready", "metrics"})
UNKNOWN_OPERATION = "unknown"
OK = "ok"
CLIENT_GONE = "client_gone"


class Exchange:
    """One request and what became of it, as far as others may know: no key, value, token or credential.

    ``operation`` is the last part of a known path, or ``unknown``. ``code`` is ``ok`` or that of the error.
    ``outcome`` is how a try that was finished ended. ``headers`` are as they came, credential included;
    ``trace`` belongs to whoever traces.
    """

    __slots__ = (
        "began_at",
        "caller",
        "code",
        "ended_at",
        "headers",
        "method",
        "operation",
        "outcome",
        "peer",
        "request_id",
        "status",
        "trace",
        "trace_id",
    )

    def __init__(self, operation: str, method: str, headers: Headers, peer: str = "") -> None:
        self.operation = operation
        self.method = method
        self.headers = headers
        self.peer = peer
        self.request_id = request_id_of(headers)
        self.caller: Caller | None = None
        self.status = 0
        self.code = OK
        self.outcome = ""
        self.trace_id = ""
        self.trace: object = None
        self.began_at = time.perf_counter()
        self.ended_at = self.began_at

    @property
    def seconds(self) -> float:
        """How long it took until the answer was handed over."""
        return self.ended_at - self.began_at


class Group(NamedTuple):
    """What one thread of the store has answered together. ``origins`` are what :meth:`Observer.waits` gave.

    ``began_at_ns`` and ``ended_at_ns`` are of the wall clock.
    """

    queue: str
    origins: Sequence[object]
    began_at_ns: int
    ended_at_ns: int


class Observer:
    """Is told what the server does. This one takes note of nothing; others override what they want.

    Called in the event loop, but for :meth:`group_answered`, which the store's threads call. Raises nothing.
    """

    def request_began(self, exchange: Exchange) -> None:
        """Take note that a request is here; nothing but its head is known."""

    def request_ended(self, exchange: Exchange) -> None:
        """Take note of what became of it."""

    def waits(self) -> object:
        """Return what the request of the present task is known by, while it waits for the store."""
        return None

    def queue_refused(self, queue: str) -> None:
        """Take note that too many were waiting already."""

    def group_answered(self, group: Group) -> None:
        """Take note that a group of requests is answered."""

    def swept(self, swept: Swept) -> None:
        """Take note of what one step of this server's sweep has removed."""

    def close(self) -> None:
        """Hand over what was not handed over yet."""


class Observers(Observer):
    """Tells several observers, in order; with none of them, costs next to nothing."""

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self._observers = tuple(observers)

    def __bool__(self) -> bool:
        """Whether anybody wants to know."""
        return bool(self._observers)

    def request_began(self, exchange: Exchange) -> None:
        for observer in self._observers:
            observer.request_began(exchange)

    def request_ended(self, exchange: Exchange) -> None:
        exchange.ended_at = time.perf_counter()
        # The last that began is the first to end: what one has opened lies inside what those before it have.
        for observer in reversed(self._observers):
            observer.request_ended(exchange)

    def waits(self) -> object:
        for observer in self._observers:
            origin = observer.waits()
            if origin is not None:
                return origin
        return None

    def queue_refused(self, queue: str) -> None:
        for observer in self._observers:
            observer.queue_refused(queue)

    def group_answered(self, group: Group) -> None:
        for observer in self._observers:
            observer.group_answered(group)

    def swept(self, swept: Swept) -> None:
        for observer in self._observers:
            observer.swept(swept)

    def close(self) -> None:
        for observer in self._observers:
            observer.close()


NOBODY = Observers()


def trace_id_of(headers: Headers) -> str:
    """Return the id of the trace that a request says it belongs to; empty for none."""
    found = _TRACEPARENT.match(headers.get(b"traceparent", b""))
    return found[1].decode("ascii") if found else ""


def is_sampled_elsewhere(headers: Headers) -> bool | None:
    """Return whether the trace that a request says it belongs to is recorded; None when it names none."""
    found = _TRACEPARENT.match(headers.get(b"traceparent", b""))
    return None if found is None else bool(int(found[2], 16) & _SAMPLED)


def request_id_of(headers: Headers) -> str:
    """Return the id by which a request is found again: its idempotency key, or else ``X-Request-Id``.

    A new one when it has none, or one that no line of a log should hold.
    """
    for name in (b"idempotency-key", b"x-request-id"):
        given = headers.get(name)
        if given and _REQUEST_ID.fullmatch(given):
            return given.decode("ascii")
    # It is no secret; and the system's random bytes would be a system call for each request.
    return random.randbytes(16).hex()  # noqa: S311 -- as said
