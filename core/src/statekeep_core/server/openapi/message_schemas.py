"""JSON Schemas (2020-12) of the messages, made from their annotations."""

from __future__ import annotations

import types
from inspect import cleandoc
from types import MappingProxyType
from typing import Any, Union, get_args, get_origin, get_type_hints

from statekeep_core._shared.state.json_form import BASE64_FIELDS
from statekeep_core._shared.state.retention import MAX_RETENTION_SECONDS, MIN_RETENTION_SECONDS
from statekeep_core._shared.state.rules import (
    MAX_ASSET_FIELD_CHARACTERS,
    MAX_KEY_CHARACTERS,
    MAX_MAP_INDEX,
    MAX_SCOPE_FIELD_CHARACTERS,
)

Schema = dict[str, Any]

_LARGEST = 2**63 - 1
# In one request: as the execution API has them.
_MAX_ITEMS = 1_000
_LIMITED = frozenset({"operations", "backend_ids", "origins", "object_ids"})
_NO_CONTROL_CHARACTERS = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
_SECRET: Schema = {"type": "string", "maxLength": 64}
_NAME: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_SCOPE_FIELD_CHARACTERS,
    "pattern": _NO_CONTROL_CHARACTERS,
}
_KEY: Schema = _NAME | {"maxLength": MAX_KEY_CHARACTERS}
_ASSET_NAME: Schema = _NAME | {"maxLength": MAX_ASSET_FIELD_CHARACTERS}
NULL: Schema = {"type": "null"}
ASSET_ID: Schema = {"type": "integer", "minimum": -_LARGEST - 1, "maximum": _LARGEST}
_GENERATION = "~[0-9A-Za-z]{26}$"
_STORAGE_KEY: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS + 27}
_VALUE: Schema = {
    "description": "any JSON value but null, kept byte for byte, in its one form: without spaces, without "
    "escapes that JSON does not ask for, nested to 60 levels; null: none is held here"
}
# What an annotation does not say. By message and field, or by field alone.
_NARROWER: MappingProxyType[str, Schema] = MappingProxyType(
    {
        "TaskAddress.dag_id": _NAME,
        "TaskAddress.run_id": _NAME,
        "TaskAddress.task_id": _NAME,
        "map_index": {"type": "integer", "minimum": -1, "maximum": MAX_MAP_INDEX},
        # A filter that no task matches is none that is refused.
        "ListTries.map_index": ASSET_ID,
        "Start.holder": _SECRET,
        "Start.holds_lock_of": {"type": "array", "maxItems": 19, "items": _SECRET},
        "AssetAddress.name": _ASSET_NAME,
        "AssetAddress.uri": _ASSET_NAME,
        "limit": {"type": "integer", "minimum": 1, "maximum": _LARGEST},
        "Increment.by": _VALUE | {"type": "number"},
        "SetMax.value": _VALUE | {"type": ["number", "string"]},
        "Get.key": _KEY,
        "Set.key": _KEY,
        "Delete.key": _KEY,
        "Increment.key": _KEY,
        "SetMax.key": _KEY,
        "Rewind.key": _KEY,
        "ListHistory.key": _KEY,
        "ListEntries.after": _KEY,
        "ListEntries.prefix": _KEY | {"minLength": 0, "pattern": _NO_CONTROL_CHARACTERS.replace("+", "*")},
        "External.storage_key": _STORAGE_KEY,
        "Condemn.storage_keys": {
            "type": "array",
            "maxItems": _MAX_ITEMS,
            "items": _STORAGE_KEY
            | {"minLength": 28, "pattern": _NO_CONTROL_CHARACTERS.removesuffix("$") + _GENERATION},
        },
        "External.reference": {"type": "string", "minLength": 1, "maxLength": 4_096},
        "External.backend_id": {"type": "string", "minLength": 1, "maxLength": 512},
        "External.size_bytes": {"type": "integer", "minimum": 0, "maximum": _LARGEST},
        "retention": {
            "anyOf": [
                {
                    "type": "number",
                    "minimum": MIN_RETENTION_SECONDS,
                    "maximum": MAX_RETENTION_SECONDS,
                    "description": "seconds",
                },
                {"const": "never"},
                NULL | {"description": "the store's default"},
            ]
        },
        "lease_seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": 86_400},
        "facts": {
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
        },
    }
)
_PLAIN: MappingProxyType[type, Schema] = MappingProxyType(
    {
        str: {"type": "string"},
        bool: {"type": "boolean"},
        float: {"type": "number"},
        int: ASSET_ID,
        type(None): NULL,
    }
)
# What several fields must be together.
_TOGETHER: MappingProxyType[str, Schema] = MappingProxyType(
    {
        "AssetAddress": {
            "anyOf": [
                {"required": ["name"], "properties": {"name": {"type": "string"}}},
                {"required": ["uri"], "properties": {"uri": {"type": "string"}}},
            ]
        },
        "Start": {
            "if": {"required": ["fresh"], "properties": {"fresh": {"const": True}}},
            "then": {"required": ["rerun"], "properties": {"rerun": {"const": True}}},
        },
        "External": {
            "anyOf": [
                {"properties": {"digest": NULL}},
                {"required": ["digest"], "properties": {"storage_key": {"pattern": _GENERATION}}},
            ]
        },
        "Set": {
            "not": {
                "required": ["if_version", "if_absent"],
                "properties": {"if_version": {"type": "integer"}, "if_absent": {"const": True}},
            },
            "if": {"required": ["external"], "properties": {"external": {"type": "object"}}},
            "then": {"properties": {"value": NULL}},
            "else": {"properties": {"value": {"not": NULL}}},
        },
    }
)
_DIGEST: Schema = {"type": "string", "contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/]{43}=$"}


def schema_of(message: type[Any], *, is_request: bool) -> Schema:
    """Return a message's schema. A request's says its kind by its path; a reply may grow fields."""
    hints = get_type_hints(message)
    properties = {name: _field(message, name, hints[name]) for name in message._fields}
    required = [name for name in message._fields if name not in message._field_defaults]
    properties["kind"] = {"const": message.__name__}
    schema: Schema = {
        "type": "object",
        "description": cleandoc(message.__doc__ or ""),
        "properties": properties,
        "required": required if is_request else ["kind", *required],
    }
    if is_request:
        schema["additionalProperties"] = False
    return schema | _TOGETHER.get(message.__name__, {})


def messages_in(message: type[Any]) -> set[type[Any]]:
    """Return the messages that stand inside a message, at any depth."""
    hints = get_type_hints(message)
    found: set[type[Any]] = set()
    for name in message._fields:
        found |= _messages(hints[name])
    return found.union(*(messages_in(each) for each in found))


def reference_to(message: type[Any]) -> Schema:
    """Return what stands for a message's schema in another."""
    return {"$ref": f"#/components/schemas/{message.__name__}"}


def _field(message: type[Any], name: str, hint: Any) -> Schema:
    narrower = _NARROWER.get(f"{message.__name__}.{name}") or _NARROWER.get(name)
    schema = narrower if narrower is not None and hint is not type(None) else _of_hint(name, hint)
    if narrower is not None and type(None) in get_args(hint) and name != "retention":
        schema = {"anyOf": [narrower, NULL]}
    if name in message._field_defaults and _is_plain(message._field_defaults[name]):
        schema = schema | {"default": message._field_defaults[name]}
    return schema


def _of_hint(name: str, hint: Any) -> Schema:
    if get_origin(hint) is tuple:
        items = _of_hint(name, get_args(hint)[0])
        # Alone, a request says its kind by its path; among others, by its field.
        array: Schema = {
            "type": "array",
            "items": items | {"required": ["kind"]} if name == "operations" else items,
        }
        return array | {"maxItems": _MAX_ITEMS} if name in _LIMITED else array
    if get_origin(hint) in (Union, types.UnionType):
        options = [_of_hint(name, option) for option in get_args(hint)]
        return _VALUE if _VALUE in options else {"anyOf": options}
    if hint is bytes:
        return _DIGEST if name in BASE64_FIELDS else _VALUE
    return dict(_PLAIN[hint]) if hint in _PLAIN else reference_to(hint)


def _messages(hint: Any) -> set[type[Any]]:
    if isinstance(hint, type) and hasattr(hint, "_fields"):
        return {hint}
    return set().union(*(_messages(argument) for argument in get_args(hint)))


def _is_plain(default: Any) -> bool:
    return isinstance(default, str | int | float | bool)
