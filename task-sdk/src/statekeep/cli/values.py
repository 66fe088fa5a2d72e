"""Values on the command line: JSON, or plain text; as they were stored, or as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._shared.state.errors import InvalidValueError
from .._shared.state.values import decode, encode
from ..accessors.text_values import text_of
from .streams import print_exactly, print_json_text, read_input

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._shared.state import messages as m
    from .unread import Unread

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
    text = text_of(value)
    if not is_raw:
        print_json_text(f"{text}\n")
        return
    decoded = decode(value)
    print_exactly(f"{decoded if isinstance(decoded, str) else text}\n")


def check_fetched(entries: Iterable[m.Entry | m.Change]) -> None:
    """Raise ``BackendMismatchError`` for a value that lies in a backend, and that none here has fetched."""
    for entry in entries:
        if entry.external is not None:
            from ..accessors.entries import not_fetched

            raise not_fetched(entry.key, entry.external)


def json_value(entry: m.Entry | m.Change, unread: Unread) -> dict[str, Any]:
    """Return the value of an entry for JSON: ``value``, ``external`` where that lies elsewhere, and
    ``problem`` where it could not be read."""
    if (problem := unread.problem(entry)) is not None:
        return _elsewhere(entry) | {"problem": problem}
    if entry.external is None:
        return {"value": None if entry.value is None else decode(entry.value)}
    return _elsewhere(entry)


def _elsewhere(entry: m.Entry | m.Change) -> dict[str, Any]:
    external = entry.external
    if external is None:
        return {"value": None}
    named = {
        "reference": external.reference,
        "backend_id": external.backend_id,
        "size_bytes": external.size_bytes,
    }
    return {"value": None, "external": named}


def shown_value(entry: m.Entry | m.Change, unread: Unread) -> str:
    """Return the value of an entry for a table, or how large it is that lies elsewhere, or why it could not
    be read."""
    if (cause := unread.cause(entry)) is not None:
        return f"(unreadable: {cause})"
    if entry.external is not None:
        return f"({entry.external.size_bytes:,} bytes at {entry.external.reference})"
    return "-" if entry.value is None else text_of(entry.value)


def _input_text() -> str:
    try:
        return read_input().decode()
    except UnicodeDecodeError:
        raise InvalidValueError(
            what="the value on standard input", problem="is no UTF-8", remedy="convert it to UTF-8"
        ) from None
