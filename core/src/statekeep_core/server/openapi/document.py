"""The OpenAPI 3.1 document, made from the endpoints and the messages themselves."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from statekeep_core import __version__
from statekeep_core._shared.state.errors import error_classes
from statekeep_core._shared.state.routes import REQUEST_ID_HEADER, SENDING_HEADER
from statekeep_core.server.endpoints import ENDPOINTS, Endpoint

from .message_schemas import Schema, messages_in, reference_to, schema_of
from .refusals import refusals_of
from .reply_kinds import REPLIES
from .request_schemas import is_body_required, request_schema

OPENAPI_PATH = "/openapi.json"

_EVERY_ANSWER: MappingProxyType[str, Schema] = MappingProxyType(
    {
        "X-Request-Id": {
            "description": "what the server's log calls this request: its idempotency key, else its own "
            "`X-Request-Id`, else one that was drawn",
            "required": True,
            "schema": {"type": "string", "pattern": "^[!-~]{1,64}$"},
        }
    }
)
_HEADERS: MappingProxyType[int, Schema] = MappingProxyType(
    {
        401: {"WWW-Authenticate": {"required": True, "schema": {"const": "Bearer"}}},
        503: {"Retry-After": {"description": "seconds", "required": True, "schema": {"type": "integer"}}},
    }
)
_HEALTH = {"/health/live": "whether the server lives", "/health/ready": "whether it can take requests now"}


def openapi_document() -> dict[str, Any]:
    """Return the document, plain."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Statekeep",
            "version": __version__,
            "description": "/execution/v1 is for supervisors and their tasks' tokens, /api/v1 for people. "
            "Keys and values travel in bodies only. Unknown fields are refused in requests; "
            "ignore them in replies. Integers are written without a fraction and an exponent. "
            "Texts hold no lone surrogates.",
        },
        "security": [{"bearer": []}],
        "paths": {endpoint.path: {"post": _operation(endpoint)} for endpoint in ENDPOINTS.values()}
        | {path: {"get": _health(what)} for path, what in _HEALTH.items()},
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "a credential, or a try's token",
                }
            },
            "parameters": {"RequestId": _request_id(), "Sending": _sending()},
            "schemas": _schemas() | {"Problem": _problem()},
        },
    }


def _operation(endpoint: Endpoint) -> Schema:
    reply = [reference_to(each) for each in REPLIES[endpoint.request]]
    return {
        "operationId": endpoint.path.strip("/").replace("/", "_").replace("-", "_"),
        "summary": endpoint.kind,
        "parameters": [
            {"$ref": f"#/components/parameters/{name}"}
            for name in ("RequestId", *([] if endpoint.is_for_people else ["Sending"]))
        ],
        "requestBody": {
            "required": is_body_required(endpoint),
            "content": {"application/json": {"schema": request_schema(endpoint)}},
        },
        "responses": {
            "200": {
                "description": " or ".join(each.__name__ for each in REPLIES[endpoint.request]),
                "headers": dict(_EVERY_ANSWER),
                "content": {
                    "application/json": {"schema": reply[0] if len(reply) == 1 else {"oneOf": reply}}
                },
            },
            **{str(status): _refused(status, codes) for status, codes in refusals_of(endpoint).items()},
        },
    }


def _refused(status: int, codes: list[str]) -> Schema:
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Problem"},
            {"properties": {"status": {"const": status}, "code": {"enum": codes}}},
        ]
    }
    return {
        "description": " or ".join(f"`{code}`" for code in codes),
        "headers": {**_EVERY_ANSWER, **_HEADERS.get(status, {})},
        "content": {"application/problem+json": {"schema": schema}},
    }


def _health(what: str) -> Schema:
    properties = {"status": {"enum": ["live", "ready", "unready"]}, "problem": {"type": "string"}}
    answer = {"type": "object", "properties": properties, "required": ["status"]}
    content = {"application/json": {"schema": answer}}
    return {
        "operationId": f"health_{what.split()[-1]}",
        "summary": what,
        "security": [],
        "responses": {
            "200": {"description": "yes", "content": content},
            "503": {"description": "no", "content": content},
        },
    }


def _request_id() -> Schema:
    return {
        "name": REQUEST_ID_HEADER,
        "in": "header",
        "required": False,
        "description": "Up to 64 ASCII characters that stand for this request over all its repetitions, so "
        "that it takes effect once. Without it, a repeated request is another one.",
        "schema": {"type": "string", "maxLength": 64, "pattern": "^[ -~]*$"},
    }


def _sending() -> Schema:
    return {
        "name": SENDING_HEADER,
        "in": "header",
        "required": False,
        "description": "The number of this sending, greater for each one of a try, repetitions included. "
        "`; floor=N` (up to the number) gives up all below N, as whoever repeats a request does with the one "
        "before: a change that arrives under such a number is refused as `overtaken`, or answered as it was "
        "when it was done before. Without the header it is done whenever it comes.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,18}(; *floor=[0-9]{1,18})?$"},
    }


def _problem() -> Schema:
    return {
        "type": "object",
        "description": "A problem document (RFC 9457). `code` is stable; `detail` is made of `facts`.",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"enum": sorted(error_classes())},
            "facts": {
                "type": "object",
                "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            },
            "request_id": {"type": "string", "description": "What the server's log has this request under."},
        },
        "required": ["type", "title", "status", "detail", "code", "facts"],
    }


def _schemas() -> dict[str, Schema]:
    requests = {endpoint.request for endpoint in ENDPOINTS.values()}
    replies = {reply for each in REPLIES.values() for reply in each}
    inside = set[type[Any]]().union(*(messages_in(each) for each in requests | replies))
    schemas = {each.__name__: schema_of(each, is_request=False) for each in replies | inside}
    for each in requests:
        schemas[each.__name__] = schema_of(each, is_request=True)
        for nested in messages_in(each):
            if nested not in requests:
                schemas[nested.__name__] = schema_of(nested, is_request=False) | {
                    "additionalProperties": False
                }
    return dict(sorted(schemas.items()))
