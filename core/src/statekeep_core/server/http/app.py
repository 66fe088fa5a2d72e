"""The server as one ASGI application: who asks what, and the store's answer."""

from __future__ import annotations

import asyncio
import logging
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.errors import (
    ForbiddenError,
    InternalFaultError,
    InvalidRequestError,
    NotFoundError,
    StatekeepError,
)
from statekeep_core._shared.state.json_form import JsonForm
from statekeep_core._shared.state.routes import SENDING_HEADER
from statekeep_core._shared.state.sendings import sending_of
from statekeep_core.metastore.credentials import OPERATOR
from statekeep_core.server.endpoints import ENDPOINTS
from statekeep_core.server.health import Health
from statekeep_core.server.openapi.document import OPENAPI_PATH, openapi_document
from statekeep_core.server.telemetry.logs import event
from statekeep_core.server.telemetry.observing import (
    CLIENT_GONE,
    METRICS_PATH,
    NOBODY,
    UNKNOWN_OPERATION,
    Exchange,
)

from . import responses
from .answer_room import AnswerRoom
from .bodies import Bodies, ClientGoneError
from .responses import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from statekeep_core._shared.state.sendings import Sending
    from statekeep_core._shared.state.wire import Plain
    from statekeep_core.server.access import Access
    from statekeep_core.server.caller import Caller
    from statekeep_core.server.endpoints import Endpoint
    from statekeep_core.server.engine import Call, Engine
    from statekeep_core.server.telemetry.observing import Headers, Observers

    from .metrics_page import MetricsPage

    Receive = Callable[[], Awaitable[Any]]
    Send = Callable[[Any], Awaitable[None]]

_log = logging.getLogger(__name__)

_SENDING = SENDING_HEADER.lower().encode()
_REFUSAL = m.Refusal.__name__
_FINISHED = m.Finished.__name__
_BRING_A_TOKEN = frozenset({m.Started.__name__, m.LeaseRenewed.__name__})
# What is asked without a credential, by the names that logs and metrics have for it.
_OTHERS = MappingProxyType(
    {
        "/health/live": "health/live",
        "/health/ready": "health/ready",
        OPENAPI_PATH: "openapi",
        METRICS_PATH: "metrics",
    }
)
_NOT_ALLOWED = 405


class Application:
    """Answers requests on an engine. Values and tokens go into no log and no problem document."""

    def __init__(
        self,
        engine: Engine,
        access: Access,
        bodies: Bodies | None = None,
        observers: Observers = NOBODY,
        room: AnswerRoom | None = None,
    ) -> None:
        self.health = Health(engine)
        self.metrics_page: MetricsPage | None = None
        self._observers = observers
        self._engine = engine
        self._access = access
        self._bodies = bodies or Bodies()
        self._room = room or AnswerRoom()
        self._form = JsonForm()
        self._document: Response | None = None

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the server speaks HTTP, and was asked for {scope['type']}")
        client = scope.get("client")
        peer = client[0] if client else ""
        endpoint = ENDPOINTS.get(scope["path"])
        operation = _OTHERS.get(scope["path"], UNKNOWN_OPERATION) if endpoint is None else endpoint.operation
        exchange = Exchange(operation, scope["method"], _headers(scope["headers"]), peer)
        self._observers.request_began(exchange)
        try:
            response = await self._response(scope, endpoint, exchange, receive)
            exchange.status, exchange.code = response.status, response.code
            await self._send(response, exchange.request_id, send)
        except (ClientGoneError, asyncio.CancelledError) as gone:
            exchange.code = CLIENT_GONE
            if isinstance(gone, asyncio.CancelledError):
                raise
        finally:
            self._observers.request_ended(exchange)

    async def _send(self, response: Response, request_id: str, send: Send) -> None:
        try:
            await _send(response, request_id, send)
        finally:
            if response.taken_bytes:
                self._room.give(response.taken_bytes)

    async def _response(
        self, scope: Any, endpoint: Endpoint | None, exchange: Exchange, receive: Receive
    ) -> Response:
        try:
            if endpoint is not None and scope["method"] == "POST":
                return await self._answer(endpoint, exchange, receive)
            return await self._other(scope, exchange, endpoint)
        except StatekeepError as error:
            return responses.of_error(error, request_id=exchange.request_id)
        # A fault met by one request may not end the others'.
        except Exception as fault:
            if isinstance(fault, ClientGoneError):
                raise
            _log.exception("a fault", extra=event("fault", request_id=exchange.request_id))
            told = InternalFaultError(problem=type(fault).__name__)
            return responses.of_error(told, request_id=exchange.request_id)

    async def _answer(self, endpoint: Endpoint, exchange: Exchange, receive: Receive) -> Response:
        headers = exchange.headers
        caller = exchange.caller = await self._access.caller_of(_text(headers.get(b"authorization")))
        if caller.token is not None and not endpoint.renews:
            self._access.check_token_age(caller.token)
        claims = endpoint.claims_of(caller)
        _check_media(headers)
        body = await self._bodies.read(receive, _announced_bytes(headers))
        try:
            request = self._request(endpoint, body)
            request_id = _text(headers.get(b"idempotency-key")) or ""
            call = (claims, request_id, request, _sending(headers))
            taken_bytes = self._room.most_bytes(request)
            if taken_bytes:
                taken_bytes = await self._room.take(taken_bytes)
            try:
                response = await self._answered(call, caller, exchange)
            except BaseException:
                self._room.give(taken_bytes)
                raise
        finally:
            self._bodies.release(len(body))
        if taken_bytes:
            taken_bytes = self._room.keep(taken_bytes, len(response.body))
        return response._replace(taken_bytes=taken_bytes) if taken_bytes else response

    async def _answered(self, call: Call, caller: Caller, exchange: Exchange) -> Response:
        reply = await self._engine.answer(call)
        if reply["kind"] == _REFUSAL:
            return responses.of_refusal(reply, exchange.request_id)
        if reply["kind"] == _FINISHED:
            exchange.outcome = reply["status"]
        if reply["kind"] in _BRING_A_TOKEN:
            reply = await self._with_token(caller, reply)
        return Response(200, self._form.encode(reply))

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

    async def _other(self, scope: Any, exchange: Exchange, endpoint: Endpoint | None) -> Response:
        path, is_get = scope["path"], scope["method"] in ("GET", "HEAD")
        if path == "/health/live" and is_get:
            return responses.of_document({"status": "live"})
        if path == "/health/ready" and is_get:
            problem = await self.health.problem()
            document = {"status": "ready"} if problem is None else {"status": "unready", "problem": problem}
            return responses.of_document(document, 200 if problem is None else 503)
        if path == OPENAPI_PATH and is_get:
            self._document = self._document or responses.of_document(openapi_document())
            return self._document
        if path == METRICS_PATH and is_get and self.metrics_page is not None:
            exchange.caller = await self._access.caller_of(_text(exchange.headers.get(b"authorization")))
            _check_operator(exchange.caller)
            return await self.metrics_page.response()
        if endpoint is None and not path.startswith("/health/"):
            raise NotFoundError(what="this path")
        allowed = b"POST" if endpoint is not None else b"GET, HEAD"
        error = InvalidRequestError(
            what="method", problem="is not one that this path takes", remedy=f"send {allowed.decode()}"
        )
        refused = responses.of_error(error, _NOT_ALLOWED, request_id=exchange.request_id)
        return refused._replace(headers=((b"allow", allowed),))


def _check_operator(caller: Caller) -> None:
    if caller.role != OPERATOR:
        raise ForbiddenError(what="reading the metrics", problem="it needs an operator's credential")


async def _send(response: Response, request_id: str, send: Send) -> None:
    headers = [
        (b"content-type", response.content_type),
        (b"content-length", b"%d" % len(response.body)),
        (b"x-request-id", request_id.encode("ascii")),
        *response.headers,
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if response.taken_bytes:
        # The second one waits until the client has read the first, but for a little.
        await send({"type": "http.response.body", "body": response.body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.body", "body": response.body})


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> Headers:
    return dict(pairs)


def _text(header: bytes | None) -> str | None:
    return None if header is None else header.decode("latin-1")


def _sending(headers: Headers) -> Sending | None:
    number = _text(headers.get(_SENDING))
    return None if number is None else sending_of(number)


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
