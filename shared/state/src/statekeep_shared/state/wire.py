"""The one plain form in which messages cross between processes, copies and versions of this package.

Sender and receiver may hold different copies or versions of the messages, so a message never crosses as an
object: :func:`to_plain` makes a dict with its ``kind``, :func:`from_plain` rebuilds it. Values stay
``bytes`` (JSON text) in the plain form; a transport decides how it carries bytes, and never re-encodes them.

A request may not hold a field that the receiver does not know (an old server would drop a condition that a
new client set); in a reply, unknown fields are ignored.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

from . import messages
from .errors import InvalidRequestError, StatekeepError, error_from
from .message import Message

Plain = dict[str, Any]

_TOO_LARGE = 2**63

_MESSAGES: MappingProxyType[str, type[Any]] = MappingProxyType(
    {cls.__name__: cls for cls in Message.__subclasses__() if cls.__module__ == messages.__name__}
)


def to_plain(message: Any) -> Plain:
    """Return a message's plain form: a dict of its fields and its ``kind``, messages inside it likewise."""
    plain: Plain = {"kind": type(message).__name__}
    for name, value in zip(message._fields, message, strict=True):
        plain[name] = _plain_value(value)
    return plain


def _plain_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return to_plain(value) if hasattr(value, "_fields") else [_plain_value(item) for item in value]
    return value


def without_defaults(plain: Plain) -> Plain:
    """Return a request's plain form without the fields that say nothing but their default.

    An older receiver, which refuses what it does not know, takes it as long as nothing new is asked for. So a
    field's default is part of the protocol: it never changes.
    """
    cls = _MESSAGES.get(plain["kind"])
    defaults = {} if cls is None else _plain_defaults(cls)  # type: ignore[arg-type]  # as in from_plain
    return {
        name: _without_defaults(value)
        for name, value in plain.items()
        if name not in defaults or value != defaults[name]
    }


def _without_defaults(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_defaults(item) for item in value]
    return without_defaults(value) if isinstance(value, dict) and "kind" in value else value


@cache
def _plain_defaults(cls: type[Any]) -> MappingProxyType[str, Any]:
    return MappingProxyType({name: _plain_value(value) for name, value in cls._field_defaults.items()})


def from_plain(plain: Plain, *, ignore_unknown: bool = False) -> Any:
    """Return this copy's message for a plain form.

    ``ignore_unknown`` is for replies. Raises :class:`InvalidRequestError` that names the message and the
    field when the kind is unknown, a field is missing, unknown or of another type.
    """
    kind = plain.get("kind") if isinstance(plain, dict) else None
    cls = _MESSAGES.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise _malformed("request", f"has the kind {str(kind)[:40]!r}, which this version does not know")
    allowed = _allowed_types(cls)  # type: ignore[arg-type]  # mypy doubts that a class is hashable
    fields: Plain = {}
    for name, value in plain.items():
        if name in cls._fields:
            # A field that holds a dict holds the sender's own names, and one of them may be "kind".
            holds_messages = isinstance(value, dict | list) and dict not in allowed[name]
            fields[name] = _message_value(value, ignore_unknown) if holds_messages else value
        elif name != "kind" and not ignore_unknown:
            raise _malformed(cls.__name__, f"has a field {name[:40]!r}, which this version does not know")
    defaults = cls._field_defaults
    try:
        values = [fields[name] if name in fields else defaults[name] for name in cls._fields]
    except KeyError as missing:
        raise _malformed(cls.__name__, f"lacks the field {missing}") from None
    _check_types(cls, fields, allowed)
    return cls(*values)


def _message_value(value: Any, ignore_unknown: bool) -> Any:
    if isinstance(value, list):
        return tuple(_message_value(item, ignore_unknown) for item in value)
    if isinstance(value, dict) and "kind" in value:
        return from_plain(value, ignore_unknown=ignore_unknown)
    return value


def _check_types(cls: type[Any], fields: Plain, allowed: MappingProxyType[str, frozenset[type]]) -> None:
    for name, value in fields.items():
        own = type(value)
        if own not in allowed[name]:
            kindless = " without a kind" if own is dict else ""
            raise _malformed(cls.__name__, f"has a {own.__name__}{kindless} in the field {name!r}")
        if own is int:
            _check_number(cls, name, value)
        elif own is tuple:
            _check_list(cls, name, value, allowed[name + "[]"])


def _check_number(cls: type[Any], name: str, number: int) -> None:
    if not -_TOO_LARGE <= number < _TOO_LARGE:
        raise _malformed(cls.__name__, f"has a number in the field {name!r} that 64 bits do not hold")


def _check_list(cls: type[Any], name: str, items: tuple[Any, ...], allowed: frozenset[type]) -> None:
    for item in items:
        if type(item) is int:
            _check_number(cls, name, item)
    if not all(type(item) in allowed for item in items):
        raise _malformed(cls.__name__, f"has something of another kind in the list {name!r}")


@cache  # the type hints of a message never change, and resolving them is slow
def _allowed_types(cls: type[Any]) -> MappingProxyType[str, frozenset[type]]:
    allowed: dict[str, frozenset[type]] = {}
    hints = get_type_hints(cls)
    for name in cls._fields:
        hint = hints[name]
        allowed[name] = frozenset(_classes_of(hint))
        allowed[name + "[]"] = frozenset(_classes_of(get_args(hint)[0]) if tuple in allowed[name] else ())
    return MappingProxyType(allowed)


def _classes_of(hint: Any) -> list[type]:
    origin = getattr(hint, "__origin__", None)
    if origin is not None:
        return [origin]
    if hint is float:
        return [float, int]
    arguments = get_args(hint)
    return [cls for argument in arguments for cls in _classes_of(argument)] if arguments else [hint]


def _malformed(what: str, problem: str) -> InvalidRequestError:
    return InvalidRequestError(what=what, problem=problem, remedy="send what the protocol defines")


def refusal_of(error: StatekeepError) -> messages.Refusal:
    """Return the refusal that carries an error of any copy of the contract."""
    return messages.Refusal(error.code, dict(error.facts), error.is_first_answer)


def plain_refusal(error: StatekeepError) -> Plain:
    """Return the plain form of the refusal that carries an error."""
    return to_plain(refusal_of(error))


def raise_if_refused(reply: Any) -> Any:
    """Return the reply, or raise the error that it carries as this copy's own class."""
    if isinstance(reply, messages.Refusal):
        error = error_from(reply.code, reply.facts)
        error.is_first_answer = reply.is_first_answer
        raise error
    return reply
