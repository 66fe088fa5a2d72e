"""What the server answers: replies, and refusals as problem documents (RFC 9457)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from statekeep_core._shared.state.errors import (
    StatekeepError,
    UnauthenticatedError,
    UnavailableError,
    error_from,
)
from statekeep_core.server.telemetry.observing import OK

if TYPE_CHECKING:
    from statekeep_core._shared.state.wire import Plain

JSON = b"application/json"
PROBLEM = b"application/problem+json"

_RETRY_AFTER_SECONDS = b"1"


class Response(NamedTuple):
    """One whole response. ``taken_bytes``: the room that it has until it is sent."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    code: str = OK
    taken_bytes: int = 0


def of_document(document: object, status: int = 200) -> Response:
    """Return a response that is a JSON document of the server's own."""
    return Response(status, json.dumps(document, separators=(",", ":")).encode("ascii"))


def of_error(error: StatekeepError, status: int | None = None, *, request_id: str = "") -> Response:
    """Return the problem document of an error, with its code and facts, and the id to look for in the log."""
    status = status or error.http_status
    document = {
        "type": f"urn:statekeep:error:{error.code}",
        "title": error.code.replace("_", " "),
        "status": status,
        "detail": str(error),
        "code": error.code,
        "facts": error.facts,
        "request_id": request_id,
    }
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if error.code == UnavailableError.code:
        headers = ((b"retry-after", _RETRY_AFTER_SECONDS),)
    if error.code == UnauthenticatedError.code:
        headers = ((b"www-authenticate", b"Bearer"),)
    return Response(status, json.dumps(document).encode("ascii"), PROBLEM, headers, error.code)


def of_refusal(refusal: Plain, request_id: str = "") -> Response:
    """Return the problem document of a plain refusal."""
    return of_error(error_from(refusal["code"], refusal["facts"]), request_id=request_id)
