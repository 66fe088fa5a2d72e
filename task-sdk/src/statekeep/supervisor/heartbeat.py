"""Renews a try's lease for as long as the try runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .._shared.state import messages as m
from .._shared.state.errors import error_from
from .._shared.state.wire import from_plain, to_plain
from ..client.store_client import draw_request_id
from .relay import is_fenced

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._shared.state.wire import Plain
    from ..client.store_client import StoreClient
    from .loop import Deadline, Loop

_BEATS_PER_LEASE = 3
_REPEAT_SECONDS = 2.0


class Heartbeat:
    """Asks for the lease at every third of it; a store that is away for a while is asked again and again.

    A lease that runs out ends nothing, as long as nobody else takes over; that is what ``on_fenced`` tells.
    """

    def __init__(
        self,
        loop: Loop,
        client: StoreClient,
        claims: Plain,
        lease_seconds: float,
        *,
        on_fenced: Callable[[m.Refusal], None],
        say: Callable[[str], object],
    ) -> None:
        self._loop = loop
        self._client = client
        self._claims = claims
        self._request = to_plain(m.Heartbeat(lease_seconds))
        self._pause_seconds = lease_seconds / _BEATS_PER_LEASE
        self._on_fenced = on_fenced
        self._say = say
        self._is_failing = False
        self._is_ended = False
        self._next: Deadline = loop.call_after(self._pause_seconds, self._beat)

    def end(self) -> None:
        """Ask for nothing more."""
        self._is_ended = True
        self._next.cancel()

    def _beat(self) -> None:
        self._client.submit(
            self._claims,
            self._request,
            draw_request_id(),
            on_reply=lambda reply: self._loop.call_from_thread(partial(self._answered, reply)),
        )

    def _answered(self, reply: Plain) -> None:
        if self._is_ended:
            return
        if is_fenced(reply):
            self.end()
            self._on_fenced(from_plain(reply, ignore_unknown=True))
        elif reply.get("kind") == m.LeaseRenewed.__name__:
            self._renewed()
        else:
            self._failed(from_plain(reply, ignore_unknown=True))

    def _renewed(self) -> None:
        if self._is_failing:
            self._say("the lease is renewed again")
        self._is_failing = False
        self._next = self._loop.call_after(self._pause_seconds, self._beat)

    def _failed(self, refusal: m.Refusal) -> None:
        if not self._is_failing:
            self._say(f"the lease could not be renewed: {error_from(refusal.code, refusal.facts)}; trying on")
        self._is_failing = True
        self._next = self._loop.call_after(min(self._pause_seconds, _REPEAT_SECONDS), self._beat)
