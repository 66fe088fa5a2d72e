"""Values on the command line: JSON, or plain text; as they were stored, or as people read them."""

from __future__ import annotations

import sys
from typing import Any

from .._shared.state.errors import InvalidValueError
from .._shared.state.values import decode, encode

_STDIN = "-"


def given_value(text: str, *, is_string: bool) -> bytes:
    """Return a value in its stored form, from an argument (``-``: standard input).

    Raises ``InvalidValueError`` when it is no JSON and ``is_string`` does not say that it need not be.
    """
    if text == _STDIN:
        text = sys.stdin.read()
        if is_string:
            return encode(text.removesuffix("\n"))
    if is_string:
        return encode(text)
    try:
        value = decode(text.strip().encode())
    except (InvalidValueError, UnicodeEncodeError):
        raise InvalidValueError(
            what="the value", problem="is no JSON", remedy="quote it as JSON, or give --string for plain text"
        ) from None
    return encode(value)


def shown_value(value: bytes, *, is_raw: bool) -> str:
    """Return a stored value as it is printed: its JSON text; with ``is_raw`` a string without its quotes."""
    if is_raw:
        decoded = decode(value)
        if isinstance(decoded, str):
            return decoded
    return value.decode()


def json_value(value: bytes) -> Any:
    """Return a stored value to stand inside other JSON."""
    return decode(value)
