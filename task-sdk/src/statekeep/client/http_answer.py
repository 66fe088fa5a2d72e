"""Reads one answer of HTTP/1.1 from the bytes that a server sends. No I/O.

`http.client` takes 0.15 ms for what stands here, most of it for reading headers as if they were a mail's, and
20 ms to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

# As much as proxies send at most, and far more than a server does.
_HEAD_BYTES = 64 * 1024
_CHUNK_LINE_BYTES = 4096

_SMALLEST_READ_BYTES = 64 * 1024
_LARGEST_READ_BYTES = 1024 * 1024

_INTERIM_STATUSES = range(100, 200)
_STATUSES_WITHOUT_BODY = (204, 304)
_STATUS_DIGITS = 3
_LENGTH_DIGITS = 18
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


class Answer(NamedTuple):
    """What a server answered, whole. The names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class GarbledAnswerError(Exception):
    """What came is no answer of HTTP/1.1, or ended before it was whole."""


class AnswerReader:
    """Reads the answer to one request. After an error nothing more can be read from the connection.

    ``is_last``: once the answer is there, whether nothing more may be asked over the connection.
    """

    def __init__(self) -> None:
        self.is_last = True
        self._received = bytearray()
        self._status = 0
        self._headers: Mapping[str, str] | None = None
        self._length: int | None = None
        self._chunks: list[bytes] | None = None

    @property
    def wanted_bytes(self) -> int:
        """How much to read at most before the next :meth:`feed`."""
        missing = 0 if self._length is None else self._length - len(self._received)
        return min(max(_SMALLEST_READ_BYTES, missing), _LARGEST_READ_BYTES)

    def feed(self, data: bytes) -> Answer | None:
        """Add the next bytes (none: the stream has ended); return the answer when it is whole.

        Raises :class:`GarbledAnswerError`.
        """
        self._received += data
        if self._headers is None:
            self._headers = self._read_heads()
        body = None if self._headers is None else self._read_body(is_ended=not data)
        if self._headers is not None and body is not None:
            self.is_last = self.is_last or bool(self._received)
            return Answer(self._status, self._headers, body)
        if not data:
            raise GarbledAnswerError("it closed the connection before its answer was whole")
        return None

    def _read_heads(self) -> Mapping[str, str] | None:
        """Return the headers of the answer; those of interim ones, which say nothing, are passed over."""
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            first, *lines = str(self._received[:end], "latin-1").split("\r\n")
            del self._received[: end + 4]
            version, status = _status_line(first)
            if status not in _INTERIM_STATUSES:
                headers = _headers(lines)
                self._begin(version, status, headers)
                return headers
        if len(self._received) > _HEAD_BYTES:
            raise GarbledAnswerError(f"its answer begins with more than {_HEAD_BYTES:,} bytes of headers")
        return None

    def _begin(self, version: str, status: int, headers: Mapping[str, str]) -> None:
        self._status = status
        connection = _words(headers.get("connection", ""))
        self.is_last = "close" in connection or (version == "HTTP/1.0" and "keep-alive" not in connection)
        codings, length = _words(headers.get("transfer-encoding", "")), headers.get("content-length")
        if status in _STATUSES_WITHOUT_BODY:
            self._length = 0
        elif codings:
            if codings != ["chunked"]:
                raise GarbledAnswerError("its answer has a transfer coding that nobody asked for")
            self._chunks = []
        elif length is None:
            self.is_last = True
        else:
            self._length = _number(length)

    def _read_body(self, *, is_ended: bool) -> bytes | None:
        """Return the body once it is whole."""
        if self._chunks is not None:
            return self._chunked(self._chunks)
        if self._length is not None:
            return self._measured(self._length)
        return bytes(self._received) if is_ended else None

    def _measured(self, length: int) -> bytes | None:
        if len(self._received) < length:
            return None
        body = bytes(self._received[:length])
        del self._received[:length]
        return body

    def _chunked(self, chunks: list[bytes]) -> bytes | None:
        while (end := self._received.find(b"\r\n", 0, _CHUNK_LINE_BYTES)) >= 0:
            size = _chunk_size(str(self._received[:end], "latin-1"))
            if size == 0:
                return self._trailed(chunks, end)
            begin, after = end + 2, end + 2 + size
            if len(self._received) < after + 2:
                return None
            if self._received[after : after + 2] != b"\r\n":
                raise GarbledAnswerError("a chunk of its answer has another length than it says")
            chunks.append(bytes(self._received[begin:after]))
            del self._received[: after + 2]
        if len(self._received) > _CHUNK_LINE_BYTES:
            raise GarbledAnswerError("a chunk of its answer begins with no length")
        return None

    def _trailed(self, chunks: list[bytes], last_line_end: int) -> bytes | None:
        """Return the body, when what may follow the last chunk has come, too."""
        end = self._received.find(b"\r\n\r\n", last_line_end)
        if end < 0:
            if len(self._received) > _HEAD_BYTES:
                raise GarbledAnswerError(f"its answer ends with more than {_HEAD_BYTES:,} bytes of headers")
            return None
        del self._received[: end + 4]
        return b"".join(chunks)


def _status_line(line: str) -> tuple[str, int]:
    version, _, rest = line.partition(" ")
    status = rest.partition(" ")[0]
    is_status = len(status) == _STATUS_DIGITS and status.isascii() and status.isdigit()
    if version not in ("HTTP/1.1", "HTTP/1.0") or not is_status:
        raise GarbledAnswerError("what it answers is not HTTP/1.1")
    return version, int(status)


def _headers(lines: list[str]) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, text = line.partition(":")
        if not colon or not name or name != name.strip():
            raise GarbledAnswerError("its answer has a line among the headers that is none")
        name, text = name.lower(), text.strip()
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


def _words(text: str) -> list[str]:
    return [word.strip().lower() for word in text.split(",") if word.strip()]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _LENGTH_DIGITS):
        raise GarbledAnswerError("the length of its answer is no number")
    return int(text)


def _chunk_size(line: str) -> int:
    size = line.partition(";")[0].strip()
    if not size or not _HEX_DIGITS.issuperset(size) or len(size) >= _LENGTH_DIGITS:
        raise GarbledAnswerError("a chunk of its answer begins with no length")
    return int(size, 16)
