"""Records how a try ended, with patience for a store that is away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .._shared.state import messages as m
from .._shared.state.errors import UnavailableError, error_from
from .._shared.state.wire import from_plain, refusal_of, to_plain
from ..client.store_client import draw_request_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._shared.state.wire import Plain
    from ..client.store_client import StoreClient
    from .loop import Loop

_PAUSE_SECONDS = 1.0


class Finishing:
    """One finish, repeated under one request id, so that it takes effect at most once."""

    def __init__(
        self,
        loop: Loop,
        client: StoreClient,
        claims: Plain,
        *,
        patience_seconds: float,
        say: Callable[[str], object],
        stops: Callable[[], int],
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        self._loop = loop
        self._client = client
        self._claims = claims
        self._patience_seconds = patience_seconds
        self._say = say
        self._stops = stops
        self._stops_before = 0
        self._pause_seconds = pause_seconds

    def finish(self, request: m.Finish) -> m.Finished | m.Refusal:
        """Return the store's answer; an unavailable store's, when it is still that after the patience.

        ``stops`` says how often this process was told to stop. One more time ends the wait.
        """
        request_id = draw_request_id()
        self._stops_before = self._stops()
        give_up_at = time.monotonic() + self._patience_seconds
        is_said = False
        while True:
            reply = self._ask(request, request_id)
            if not isinstance(reply, m.Refusal):
                return reply
            error = error_from(reply.code, reply.facts)
            if not error.retryable or time.monotonic() > give_up_at or self._stops():
                return reply
            if not is_said:
                self._say(
                    f"the try's end could not be recorded: {error}; trying for {self._patience_seconds:g} s"
                )
                is_said = True
            self._loop.pause(self._pause_seconds, unless=self._is_given_up)

    def _is_given_up(self) -> bool:
        return self._stops() > self._stops_before

    def _ask(self, request: m.Finish, request_id: str) -> m.Finished | m.Refusal:
        replies: list[Plain] = []
        self._client.submit(
            self._claims,
            to_plain(request),
            request_id,
            on_reply=lambda reply: self._loop.call_from_thread(lambda: replies.append(reply)),
        )
        self._loop.run_until(lambda: bool(replies) or self._is_given_up())
        if not replies:
            return refusal_of(
                UnavailableError(what="the store", problem="this was stopped before there was an answer")
            )
        answer: m.Finished | m.Refusal = from_plain(replies[0], ignore_unknown=True)
        return answer
