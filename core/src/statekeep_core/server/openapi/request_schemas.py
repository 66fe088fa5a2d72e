"""What a request may hold at one path, where that is less than its message says elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from statekeep_core._shared.state import messages as m

from .message_schemas import ASSET_ID, NULL, Schema, reference_to

if TYPE_CHECKING:
    from statekeep_core.server.endpoints import Endpoint

_HAVE_HISTORY = (m.ListHistory, m.Rewind)


def request_schema(endpoint: Endpoint) -> Schema:
    """Return the schema of a request's body at its endpoint."""
    whole, narrower = reference_to(endpoint.request), _narrower(endpoint)
    return whole if narrower is None else {"allOf": [whole, narrower]}


def is_body_required(endpoint: Endpoint) -> bool:
    """Return whether a request needs a body: nothing at all counts as an empty object."""
    needs_a_field = len(endpoint.request._fields) > len(endpoint.request._field_defaults)
    return needs_a_field or "target" in (_narrower(endpoint) or {}).get("required", ())


def _narrower(endpoint: Endpoint) -> Schema | None:
    if endpoint.request is m.Batch:
        of_each = _targeted(m.Get, is_for_people=endpoint.is_for_people)
        return {"properties": {"operations": {"items": of_each}}}
    if "target" not in endpoint.request._fields:
        return None
    return _targeted(endpoint.request, is_for_people=endpoint.is_for_people)


def _targeted(request: type[Any], *, is_for_people: bool) -> Schema:
    """Return how a request names what it is about: people by names, too, and a try by ids, or not at all."""
    options = [ASSET_ID]
    if request not in _HAVE_HISTORY:
        options.append(reference_to(m.TaskAddress))
    if is_for_people:
        options.append(reference_to(m.AssetAddress))
    is_required = is_for_people or request in _HAVE_HISTORY
    if not is_required:
        options.append(NULL)
    required: Schema = {"required": ["target"]} if is_required else {}
    return required | {"properties": {"target": {"anyOf": options}}}
