"""What a server's answer means: a reply, a refusal, or that something else than a server has answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .._shared.state import messages as m
from .._shared.state.errors import (
    InternalFaultError,
    InvalidRequestError,
    StoreUnusableError,
    UnavailableError,
)
from .._shared.state.wire import plain_refusal, to_plain
from .server_connection import NoAnswerError

if TYPE_CHECKING:
    from .._shared.state.json_form import JsonForm
    from .._shared.state.wire import Plain
    from .server_connection import Answer

_OK = 200
_TOO_MANY = 429
_SERVER_FAULT = 500
_LOOKED_FOR = frozenset({InternalFaultError.code, UnavailableError.code})


def reply_of(answer: Answer, form: JsonForm, url: str) -> Plain:
    """Return the plain reply in an answer, a refusal included.

    Raises :class:`NoAnswerError` for what a proxy says of a server that is away, or a garbled answer.
    """
    if answer.status == _OK:
        try:
            reply = form.decode(answer.body)
        except InvalidRequestError:
            reply = {}
        if not isinstance(reply.get("kind"), str):
            raise NoAnswerError(f"{url}: the answer is garbled", may_have_arrived=True)
        return reply
    problem = _problem(answer)
    if problem is not None:
        return to_plain(m.Refusal(problem["code"], problem["facts"]))
    if answer.status >= _SERVER_FAULT or answer.status == _TOO_MANY:
        raise NoAnswerError(f"{url}: HTTP status {answer.status}", may_have_arrived=True)
    return plain_refusal(
        StoreUnusableError(
            what=f"the server {url}",
            problem=f"it answered with HTTP status {answer.status}, and not as a Statekeep server",
            remedy="set [api] url to the address that `statekeep server` says",
        )
    )


def with_request_id(reply: Plain, request_id: str) -> Plain:
    """Return the reply; a fault names the request, so that whoever runs the server finds it in the log."""
    if reply.get("kind") == m.Refusal.__name__ and reply.get("code") in _LOOKED_FOR:
        return reply | {"facts": {**reply["facts"], "request_id": request_id}}
    return reply


def _problem(answer: Answer) -> Plain | None:
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        document = json.loads(answer.body)
    except ValueError:
        return None
    is_ours = isinstance(document, dict) and isinstance(document.get("code"), str)
    return document if is_ours and isinstance(document.get("facts"), dict) else None
