"""The JSON form in which messages cross over HTTP: fields as they are, values verbatim inside it.

A value is JSON text already, so it stands in the body as itself and is never re-encoded; null stands for
"not here". Other bytes (digests) are base64. Nothing but the body's form is checked here: whether a message
has the right fields is told where it is rebuilt (``wire``).
"""

from __future__ import annotations

from typing import Any

from .errors import InvalidRequestError

Plain = dict[str, Any]

# By name, because a message of a newer version crosses, too. A test holds them to the messages' annotations.
VALUE_FIELDS = frozenset({"value", "by"})
BASE64_FIELDS = frozenset({"digest"})
# Where messages stand inside others that hold values or digests.
NESTED_FIELDS = frozenset({"external"})
LIST_FIELDS = frozenset({"operations", "entries", "replies", "changes", "left", "disposals"})

_NULL = b"null"


class JsonForm:
    """Writes and reads bodies. Making one loads msgspec. Callable from any thread."""

    def __init__(self) -> None:
        import msgspec  # 25 ms that only whoever speaks HTTP pays

        self._raw = msgspec.Raw
        self._encode = msgspec.json.Encoder().encode
        self._anything = msgspec.json.Decoder().decode
        self._fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
        self._nested = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode
        self._list = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
        self._base64 = msgspec.json.Decoder(bytes | None).decode

    def encode(self, plain: Plain) -> bytes:
        """Return the body of a message. Its values are trusted to be JSON.

        Raises :class:`InvalidRequestError` for what no body can hold.
        """
        try:
            return self._encode(self._outgoing(plain))
        except (TypeError, ValueError, AttributeError, RecursionError):
            raise _malformed("holds what JSON cannot hold") from None

    def encode_checked(self, plain: Plain) -> bytes:
        """As :meth:`encode`, for values that nobody has checked: each is refused unless it is JSON.

        Else a value such as ``1, "key": "another"`` would add fields to the body.
        """
        body = self.encode(plain)
        if self.decode(body) != plain:
            raise _malformed("holds a value that is not JSON text")
        return body

    def decode(self, body: bytes) -> Plain:
        """Return the plain form of a body. Raises :class:`InvalidRequestError` for what is no body."""
        try:
            return self._plain(self._fields(body))
        # The library's errors for what is no JSON, or another type than is asked for, are ValueErrors.
        except (ValueError, RecursionError):
            raise _malformed("is not a JSON object of the protocol's form") from None

    def _outgoing(self, plain: Plain) -> Plain:
        outgoing = dict(plain)
        for name in plain.keys() & VALUE_FIELDS:
            value = plain[name]
            if value is None:
                del outgoing[name]
            elif not isinstance(value, bytes):
                raise TypeError(name)
            else:
                outgoing[name] = self._raw(value) if value else None
        for name in plain.keys() & LIST_FIELDS:
            if isinstance(plain[name], list):  # one message has a number of this name
                outgoing[name] = [self._outgoing(item) for item in plain[name]]
        return outgoing

    def _plain(self, fields: dict[str, Any]) -> Plain:
        return {name: self._read(name, raw) for name, raw in fields.items()}

    def _read(self, name: str, raw: Any) -> Any:
        if name in VALUE_FIELDS:
            value = bytes(raw)
            return b"" if value == _NULL else value
        if name in LIST_FIELDS and memoryview(raw)[:1].tobytes() == b"[":
            return [self._plain(item) for item in self._list(raw)]
        if name in NESTED_FIELDS:
            nested = self._nested(raw)
            return None if nested is None else self._plain(nested)
        return self._base64(raw) if name in BASE64_FIELDS else self._anything(raw)


def _malformed(problem: str) -> InvalidRequestError:
    return InvalidRequestError(what="request body", problem=problem, remedy="send what the protocol defines")
