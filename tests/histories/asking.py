"""Asks servers as a worker does, attempt by attempt, so that a history knows of each what became of it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

from statekeep._shared.state.json_form import JsonForm
from statekeep._shared.state.routes import (
    EXECUTION,
    OPERATORS,
    REQUEST_ID_HEADER,
    SENDING_HEADER,
    operation_of,
)
from statekeep._shared.state.sendings import Sending
from statekeep._shared.state.wire import Plain, to_plain
from statekeep.client.answers import reply_of
from statekeep.client.sendings import Sendings, TrySendings
from statekeep.client.server_connection import NoAnswerError, ServerConnection

from tests.histories.deeds import (
    ANSWERED,
    LOST,
    OK,
    OVERTAKEN,
    REFUSED,
    UNKNOWN,
    UNSENT,
    Attempt,
    Deed,
)

_PAUSE_SECONDS = 0.05


class Asker:
    """One thread's way to the servers. ``sendings`` are those of all threads of a process, as of a client."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        answer_seconds: float,
        draw: random.Random,
        sendings: Sendings | None = None,
    ) -> None:
        self._sendings = sendings or Sendings()
        self._connection = ServerConnection(urls, answer_seconds)
        self._form = JsonForm()
        self._draw = draw

    def ask(self, deed: Deed, proof: str, request: Any, *, attempts: int) -> tuple[Deed, Plain | None]:
        """Send a request up to so often under its id; return the deed as it ended, and the reply."""
        numbered = self._numbers(deed, request)
        made: list[Attempt] = []
        reply: Plain | None = None
        while reply is None and (len(made) < attempts or made[-1].fate == OVERTAKEN):
            if made and made[-1].fate != OVERTAKEN:
                time.sleep(self._draw.uniform(0, _PAUSE_SECONDS * len(made)))
            attempt, reply = self._attempt(deed, proof, request, numbered)
            made.append(attempt)
        outcome = UNKNOWN if reply is None else REFUSED if reply["kind"] == "Refusal" else OK
        return deed._replace(attempts=tuple(made), outcome=outcome), reply

    def deliver(self, deed: Deed, proof: str, request: Any, sending: Sending | None) -> Plain:
        """Have a request arrive once under the number that it was sent under; return what nobody hears."""
        return self._exchanged(deed, proof, request, sending)

    def draw_number(self, deed: Deed, request: Any) -> Sending | None:
        """Return the number of a sending that nobody hears of any more, and that the client gives up."""
        numbered = self._numbers(deed, request)
        if numbered is None:
            return None
        sending = numbered.draw()
        numbered.lose(sending)
        return sending

    def close(self) -> None:
        self._connection.close()

    def _numbers(self, deed: Deed, request: Any) -> TrySendings | None:
        claims = {"kind": "TryClaims", "instance_id": deed.task, "try_number": deed.try_number}
        return self._sendings.of(claims, to_plain(request)) if deed.try_number else None

    def _attempt(
        self, deed: Deed, proof: str, request: Any, numbered: TrySendings | None
    ) -> tuple[Attempt, Plain | None]:
        invoked_at = time.monotonic()
        sending = None if numbered is None else numbered.draw()
        try:
            reply = self._exchanged(deed, proof, request, sending)
            fate = _fate(reply)
        except NoAnswerError as error:
            reply, fate = {}, LOST if error.may_have_arrived else UNSENT
        if numbered is not None and sending is not None:
            if fate == LOST:
                numbered.lose(sending)
            elif fate == OVERTAKEN:
                numbered.overtake(reply["facts"]["floor"])
            elif fate == ANSWERED and reply["kind"] != "Refusal":
                numbered.acknowledge(sending)
        if reply and fate != ANSWERED:
            self._connection.go_on()
        return Attempt(invoked_at, time.monotonic(), fate), reply if fate == ANSWERED else None

    def _exchanged(self, deed: Deed, proof: str, request: Any, sending: Sending | None) -> Plain:
        prefix = EXECUTION if deed.try_number or deed.verb == "start" else OPERATORS
        plain, url = to_plain(request), self._connection.url
        headers = {
            "Authorization": f"Bearer {proof}",
            "Content-Type": "application/json",
            REQUEST_ID_HEADER: deed.request_id,
        }
        if sending is not None:
            headers[SENDING_HEADER] = sending.header
        path = prefix + operation_of(plain["kind"])
        return reply_of(self._connection.exchange(path, headers, self._form.encode(plain)), self._form, url)


def _fate(reply: Plain) -> str:
    match reply.get("code"):
        case "unavailable":
            return LOST if reply["facts"].get("changed") is not False else UNSENT
        case "overtaken":
            return OVERTAKEN
    return ANSWERED
