"""Asks servers as a worker does, attempt by attempt, so that a history knows of each what became of it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

from statekeep._shared.state.json_form import JsonForm
from statekeep._shared.state.routes import EXECUTION, OPERATORS, REQUEST_ID_HEADER, operation_of
from statekeep._shared.state.wire import Plain, to_plain
from statekeep.client.answers import reply_of
from statekeep.client.server_connection import NoAnswerError, ServerConnection

from tests.histories.deeds import ANSWERED, LOST, OK, REFUSED, UNKNOWN, UNSENT, Attempt, Deed

_PAUSE_SECONDS = 0.05
_UNAVAILABLE = "unavailable"


class Asker:
    """One thread's way to the servers."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        answer_seconds: float,
        draw: random.Random,
    ) -> None:
        self._connection = ServerConnection(urls, answer_seconds)
        self._form = JsonForm()
        self._draw = draw

    def ask(self, deed: Deed, proof: str, request: Any, *, attempts: int) -> tuple[Deed, Plain | None]:
        """Send a request up to so often under its id; return the deed as it ended, and the reply."""
        prefix = EXECUTION if deed.try_number or deed.verb == "start" else OPERATORS
        plain = to_plain(request)
        headers = {
            "Authorization": f"Bearer {proof}",
            "Content-Type": "application/json",
            REQUEST_ID_HEADER: deed.request_id,
        }
        body = self._form.encode(plain)
        made: list[Attempt] = []
        reply: Plain | None = None
        while len(made) < attempts and reply is None:
            if made:
                time.sleep(self._draw.uniform(0, _PAUSE_SECONDS * len(made)))
            attempt, reply = self._attempt(prefix + operation_of(plain["kind"]), headers, body)
            made.append(attempt)
        outcome = UNKNOWN if reply is None else REFUSED if reply["kind"] == "Refusal" else OK
        return deed._replace(attempts=tuple(made), outcome=outcome), reply

    def close(self) -> None:
        self._connection.close()

    def _attempt(self, path: str, headers: dict[str, str], body: bytes) -> tuple[Attempt, Plain | None]:
        invoked_at, url = time.monotonic(), self._connection.url
        try:
            reply = reply_of(self._connection.exchange(path, headers, body), self._form, url)
        except NoAnswerError as error:
            fate = LOST if error.may_have_arrived else UNSENT
            return Attempt(invoked_at, time.monotonic(), fate), None
        completed_at = time.monotonic()
        if reply.get("code") == _UNAVAILABLE:
            self._connection.go_on()
            return Attempt(invoked_at, completed_at, LOST), None
        return Attempt(invoked_at, completed_at, ANSWERED), reply
