"""The server as one ASGI application: who asks what, and the store's answer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.errors import (
    InternalFaultError,
    InvalidRequestError,
    NotFoundError,
    StatekeepError,
)
from statekeep_core._shared.state.json_form import JsonForm

from . import openapi, responses
from .bodies import Bodies, ClientGoneError
from .endpoints import ENDPOINTS
from .health import Health
from .responses import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from statekeep_core._shared.state.wire import Plain

    from .access import Access, Caller
    from .endpoints import Endpoint
    from .engine import Engine

    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]
    Headers = dict[bytes, bytes]

_log = logging.getLogger(__name__)

_REFUSAL = m.Refusal.__name__
_NOT_ALLOWED = 405
_UNSUPPORTED_MEDIA = 415


class Application:
    """Answers requests on an engine. Values and tokens go into no log and no problem document."""

    def __init__(self, engine: Engine, access: Access, bodies: Bodies | None = None) -> None:
        self.health = Health(engine)
        self._engine = engine
        self._access = access
        self._bodies = bodies or Bodies()
        self._form = JsonForm()
        self._document: Response | None = None

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the server speaks HTTP, and was asked for {scope['type']}")
        try:
            response = await self._response(scope, receive)
        except ClientGoneError:
            return
        headers = [
            (b"content-type", response.content_type),
            (b"content-length", b"%d" % len(response.body)),
            *response.headers,
        ]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _response(self, scope: Any, receive: Receive) -> Response:
        try:
            endpoint = ENDPOINTS.get(scope["path"])
            if endpoint is not None and scope["method"] == "POST":
                return await self._answer(endpoint, _headers(scope["headers"]), receive)
            return await self._other(scope, endpoint)
        except StatekeepError as error:
            return responses.of_error(error)
        # A fault met by one request may not end the others'.
        except Exception as fault:
            if isinstance(fault, ClientGoneError):
                raise
            _log.exception("a request to %s met a fault", scope["path"])
            return responses.of_error(InternalFaultError(problem=type(fault).__name__))

    async def _answer(self, endpoint: Endpoint, headers: Headers, receive: Receive) -> Response:
        caller = await self._access.caller_of(_text(headers.get(b"authorization")))
        if caller.token is not None and not endpoint.renews:
            self._access.check_token_age(caller.token)
        claims = endpoint.claims_of(caller)
        _check_media(headers)
        body = await self._bodies.read(receive, _announced_bytes(headers))
        try:
            request = self._request(endpoint, body)
            call = (claims, _text(headers.get(b"idempotency-key")) or "", request)
            reply = await self._engine.answer(call)
        finally:
            self._bodies.release(len(body))
        if reply["kind"] == _REFUSAL:
            return responses.of_refusal(reply)
        return Response(200, self._form.encode(await self._with_token(caller, reply)))

    def _request(self, endpoint: Endpoint, body: bytes) -> Plain:
        request = self._form.decode(body or b"{}")
        if request.get("kind", endpoint.kind) != endpoint.kind:
            raise InvalidRequestError(
                what="request body",
                problem=f"is of another kind than its path, which is for {endpoint.kind}",
                remedy="leave out the kind, or ask at the other's path",
            )
        request["kind"] = endpoint.kind
        if endpoint.request is m.Start:
            # What a lock on one machine proves of a try on any other is for no worker to say.
            request["holds_lock"] = False
        return request

    async def _with_token(self, caller: Caller, reply: Plain) -> Plain:
        if reply["kind"] == m.Started.__name__:
            return reply | {"token": await self._access.first_token(reply)}
        if reply["kind"] == m.LeaseRenewed.__name__ and caller.token is not None:
            return reply | {"token": await self._access.renewed_token(caller.token)}
        return reply

    async def _other(self, scope: Any, endpoint: Endpoint | None) -> Response:
        path, is_get = scope["path"], scope["method"] in ("GET", "HEAD")
        if path == "/health/live" and is_get:
            return responses.of_document({"status": "live"})
        if path == "/health/ready" and is_get:
            problem = await self.health.problem()
            document = {"status": "ready"} if problem is None else {"status": "unready", "problem": problem}
            return responses.of_document(document, 200 if problem is None else 503)
        if path == openapi.PATH and is_get:
            self._document = self._document or responses.of_document(openapi.document())
            return self._document
        if endpoint is None and not path.startswith("/health/"):
            raise NotFoundError(what="this path")
        allowed = b"POST" if endpoint is not None else b"GET, HEAD"
        error = InvalidRequestError(
            what="method", problem="is not one that this path takes", remedy=f"send {allowed.decode()}"
        )
        return responses.of_error(error, _NOT_ALLOWED)._replace(headers=((b"allow", allowed),))


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> Headers:
    return dict(pairs)


def _text(header: bytes | None) -> str | None:
    return None if header is None else header.decode("latin-1")


def _announced_bytes(headers: Headers) -> int | None:
    announced = headers.get(b"content-length", b"")
    return int(announced) if announced.isdigit() else None


def _check_media(headers: Headers) -> None:
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise InvalidRequestError(
            what="request body",
            problem="is compressed",
            remedy="send it as it is (Content-Encoding: identity)",
        )
