"""Values on the command line: JSON, or plain text; as they were stored, or as people read them."""

from __future__ import annotations

from typing import Any

from .._shared.state.errors import InvalidValueError
from .._shared.state.values import decode, encode
from .streams import print_exactly, print_json_text, read_input

_STDIN = "-"


def given_value(text: str, *, is_string: bool) -> bytes:
    """Return a value in its stored form, from an argument (``-``: standard input).

    Raises ``InvalidValueError`` when it is no JSON and ``is_string`` does not say that it need not be.
    """
    if text == _STDIN:
        text = _input_text()
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


def print_value(value: bytes, *, is_raw: bool) -> None:
    """Print a stored value: its JSON text; with ``is_raw`` in UTF-8, and a string without its quotes."""
    text = value.decode()
    if not is_raw:
        print_json_text(f"{text}\n")
        return
    decoded = decode(value)
    print_exactly(f"{decoded if isinstance(decoded, str) else text}\n")


def json_value(value: bytes) -> Any:
    """Return a stored value to stand inside other JSON."""
    return decode(value)


def _input_text() -> str:
    try:
        return read_input().decode()
    except UnicodeDecodeError:
        raise InvalidValueError(
            what="the value on standard input", problem="is no UTF-8", remedy="convert it to UTF-8"
        ) from None
