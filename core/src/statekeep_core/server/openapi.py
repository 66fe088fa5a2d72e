"""The OpenAPI 3.1 document, made from the endpoints and the messages themselves."""

from __future__ import annotations

from typing import Any

from statekeep_core import __version__
from statekeep_core._shared.state.errors import error_classes
from statekeep_core._shared.state.routes import REQUEST_ID_HEADER

from .endpoints import ENDPOINTS, Endpoint
from .message_schemas import Schema, messages_in, reference_to, schema_of
from .reply_kinds import REPLIES

PATH = "/openapi.json"

_HEALTH = {"/health/live": "whether the server lives", "/health/ready": "whether it can take requests now"}


def document() -> dict[str, Any]:
    """Return the document, plain."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Statekeep",
            "version": __version__,
            "description": "/execution/v1 is for supervisors and their tasks' tokens, /api/v1 for people. "
            "Keys and values travel in bodies only. Unknown fields are refused in requests; "
            "ignore them in replies.",
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
            "parameters": {"RequestId": _request_id()},
            "responses": {"Problem": _problem()},
            "schemas": _schemas(),
        },
    }


def _operation(endpoint: Endpoint) -> Schema:
    reply = [reference_to(each) for each in REPLIES[endpoint.request]]
    return {
        "operationId": endpoint.path.strip("/").replace("/", "_").replace("-", "_"),
        "summary": endpoint.kind,
        "parameters": [{"$ref": "#/components/parameters/RequestId"}],
        "requestBody": {
            # Nothing at all counts as an empty object.
            "required": len(endpoint.request._fields) > len(endpoint.request._field_defaults)
            or "allOf" in _request(endpoint),
            "content": {"application/json": {"schema": _request(endpoint)}},
        },
        "responses": {
            "200": {
                "description": " or ".join(each.__name__ for each in REPLIES[endpoint.request]),
                "content": {
                    "application/json": {"schema": reply[0] if len(reply) == 1 else {"oneOf": reply}}
                },
            },
            **{status: {"$ref": "#/components/responses/Problem"} for status in _statuses()},
        },
    }


def _request(endpoint: Endpoint) -> Schema:
    if not endpoint.is_for_people or "target" not in endpoint.request._fields:
        return reference_to(endpoint.request)
    # Outside any try there is no task that goes without saying.
    named = {"required": ["target"], "properties": {"target": {"not": {"type": "null"}}}}
    return {"allOf": [reference_to(endpoint.request), named]}


def _statuses() -> list[str]:
    return sorted({str(cls.http_status) for cls in error_classes().values()})


def _health(what: str) -> Schema:
    answer = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
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


def _problem() -> Schema:
    schema = {
        "type": "object",
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
        },
        "required": ["type", "title", "status", "detail", "code", "facts"],
    }
    return {
        "description": "A problem document (RFC 9457). `code` is stable; `detail` is made of `facts`.",
        "content": {"application/problem+json": {"schema": schema}},
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
