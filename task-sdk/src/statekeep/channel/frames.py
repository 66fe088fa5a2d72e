"""Frames: how one message crosses the channel. Nothing here reads or writes a socket.

A frame is, all numbers big-endian and unsigned:

- 4 bytes: the length of everything that follows,
- 8 bytes: the request's number, which the reply repeats,
- 4 bytes: the length of the header,
- the header: the message's plain form as a JSON object in ASCII, in which ``{"bytes": LENGTH}`` stands for
  each bytes value (and ``{"bytes": {"value": X}}`` for a ``{"bytes": X}`` of the message's own); a request
  that is recorded has a member ``request_id`` beside the message's, and one that is traced a ``traceparent``
  (of W3C's Trace Context), to a supervisor only whose greeting named a trace,
- those bytes values, one after the other, in the order in which the header names them.

So values cross as they are, without escaping, and any language can take part.
"""

from __future__ import annotations

import json
import struct
from typing import NamedTuple

from .._shared.state.errors import InvalidRequestError
from .errors import FrameTooLargeError, TruncatedFrameError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._shared.state.wire import Plain

# Far above any message of the protocol; below it a peer's mistake cannot take the supervisor's memory.
MAX_FRAME_BYTES = 64 * 1024 * 1024

_PREFIX = struct.Struct(">IQI")
_LENGTH_BYTES = 4
_NUMBERS_BYTES = _PREFIX.size - _LENGTH_BYTES

_encode_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_decode_json = json.JSONDecoder().decode


class Frame(NamedTuple):
    """One decoded frame. ``request_id`` is None in replies, and in requests that need no record;
    ``traceparent`` is empty unless the request is traced.

    Nothing but the frame's form has been checked: neither the message nor that these are text.
    """

    number: int
    message: Plain
    request_id: Any = None
    traceparent: Any = ""


def encode_frame(
    number: int,
    message: Plain,
    request_id: str | None = None,
    traceparent: str = "",
    *,
    limit_bytes: int = MAX_FRAME_BYTES,
) -> bytes:
    """Return the frame that carries ``message`` as, or in reply to, request ``number``.

    Raises :class:`FrameTooLargeError` when what follows the length would exceed ``limit_bytes``.
    """
    payloads: list[bytes] = []
    header = _without_bytes(message, payloads)
    if request_id is not None:
        header["request_id"] = request_id
    if traceparent:
        header["traceparent"] = traceparent
    header_text = _encode_json(header).encode("ascii")
    size_bytes = _NUMBERS_BYTES + len(header_text) + sum(map(len, payloads))
    if size_bytes > limit_bytes:
        raise _too_large(f"the {message.get('kind', 'message')} message", size_bytes, limit_bytes)
    return b"".join((_PREFIX.pack(size_bytes, number, len(header_text)), header_text, *payloads))


class FrameDecoder:
    """Cuts a stream of bytes, in whatever pieces it arrives, into frames.

    After an error the stream has no readable place to go on from: close it.
    """

    def __init__(self, *, limit_bytes: int = MAX_FRAME_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._received = bytearray()

    def feed(self, data: bytes) -> None:
        """Add the next bytes of the stream."""
        self._received += data

    def take(self) -> Frame | None:
        """Remove and return the first complete frame, or None until more bytes are fed.

        Raises :class:`FrameTooLargeError` as soon as a frame announces more than the limit, and
        ``InvalidRequestError`` for what is no frame.
        """
        size_bytes = self._frame_bytes()
        if size_bytes is None or len(self._received) < size_bytes:
            return None
        _, number, header_bytes = _PREFIX.unpack_from(self._received)
        message = _message(self._received, _PREFIX.size + header_bytes, size_bytes)
        del self._received[:size_bytes]
        return Frame(number, message, message.pop("request_id", None), message.pop("traceparent", ""))

    @property
    def missing_bytes(self) -> int:
        """How many bytes the frame that is under way still lacks; at least 1, and exact once it has begun."""
        size_bytes = self._frame_bytes()
        return max(1, (_PREFIX.size if size_bytes is None else size_bytes) - len(self._received))

    def end(self) -> None:
        """Say that the stream has ended; raise :class:`TruncatedFrameError` if it ended inside a frame."""
        if self._received:
            problem = (
                f"the stream ended inside a frame, after {len(self._received):,} bytes of it; "
                "whether a write that was in flight took effect is not known"
            )
            raise TruncatedFrameError(what="the channel", problem=problem)

    def _frame_bytes(self) -> int | None:
        if len(self._received) < _PREFIX.size:
            return None
        rest_bytes, _, header_bytes = _PREFIX.unpack_from(self._received)
        if rest_bytes > self._limit_bytes:
            raise _too_large("an incoming message", rest_bytes, self._limit_bytes)
        if _NUMBERS_BYTES + header_bytes > rest_bytes:
            raise _malformed("has a header that is longer than the frame")
        return int(_LENGTH_BYTES + rest_bytes)


def _without_bytes(message: Plain, payloads: list[bytes]) -> Plain:
    return {name: _detached(value, payloads) for name, value in message.items()}


def _detached(value: Any, payloads: list[bytes]) -> Any:
    if isinstance(value, bytes):
        payloads.append(value)
        return {"bytes": len(value)}
    if isinstance(value, dict):
        detached = _without_bytes(value, payloads)
        return {"bytes": {"value": detached["bytes"]}} if detached.keys() == {"bytes"} else detached
    if isinstance(value, list):
        return [_detached(item, payloads) for item in value]
    return value


def _message(received: bytearray, payloads_at: int, end: int) -> Plain:
    with memoryview(received) as view:
        try:
            return _with_bytes(_header(view[_PREFIX.size : payloads_at]), view[payloads_at:end])
        except RecursionError:
            raise _malformed("has a header that is nested too deeply") from None


def _header(text: memoryview) -> Plain:
    try:
        header = _decode_json(str(text, "ascii"))
    except ValueError:
        raise _malformed("has a header that is not JSON in ASCII") from None
    if type(header) is not dict:
        raise _malformed("has a header that is not a JSON object")
    return header


def _with_bytes(header: Plain, payloads: memoryview) -> Plain:
    at = 0

    def take(size_bytes: object) -> bytes:
        nonlocal at
        if type(size_bytes) is not int or not 0 <= size_bytes <= len(payloads) - at:
            raise _malformed("announces bytes that it does not hold")
        at += size_bytes
        return bytes(payloads[at - size_bytes : at])

    message = {name: _attached(value, take) for name, value in header.items()}
    if at != len(payloads):
        raise _malformed("holds bytes that it does not announce")
    return message


def _attached(value: Any, take: Callable[[object], bytes]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"bytes"}:
            own = value["bytes"]
            is_escaped = isinstance(own, dict) and own.keys() == {"value"}
            return {"bytes": _attached(own["value"], take)} if is_escaped else take(own)
        return {name: _attached(item, take) for name, item in value.items()}
    if isinstance(value, list):
        return [_attached(item, take) for item in value]
    return value


def _too_large(what: str, size_bytes: int, limit_bytes: int) -> FrameTooLargeError:
    return FrameTooLargeError(
        what=what, size_bytes=size_bytes, limit_bytes=limit_bytes, remedy="send it in smaller pieces"
    )


def _malformed(problem: str) -> InvalidRequestError:
    return InvalidRequestError(what="frame", problem=problem, remedy="send what the channel defines")
