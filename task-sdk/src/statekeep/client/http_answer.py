"""Reads one answer of HTTP/1.1 from the bytes that a server sends. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import httptools

if TYPE_CHECKING:
    from collections.abc import Mapping

# What is not the body, headers most of all: what proxies send at most, and far more than a server does.
_AROUND_BODY_BYTES = 64 * 1024
# Twice what the frame to the task holds, in which bytes are no text.
_BODY_BYTES = 128 * 1024 * 1024
_SMALLEST_READ_BYTES = 64 * 1024
_LARGEST_READ_BYTES = 1024 * 1024
_INTERIM_STATUSES = range(100, 200)


class Answer(NamedTuple):
    """What a server answered, whole. The names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class GarbledAnswerError(Exception):
    """What came is no answer of HTTP/1.1, or ended before it was whole."""


class _BehindAnswerError(Exception):
    """Something begins behind the answer, which nobody has asked for."""


class AnswerReader:
    """Reads the answer to one request. After an error nothing more can be read from the connection.

    ``is_last``: once the answer is there, whether nothing more may be asked over the connection.
    """

    def __init__(self) -> None:
        self.is_last = True
        self._parts = _Parts()
        self._received_bytes = 0

    @property
    def wanted_bytes(self) -> int:
        """How much to read at most before the next :meth:`feed`."""
        return min(
            max(_SMALLEST_READ_BYTES, self._parts.announced_bytes - self._parts.body_bytes),
            _LARGEST_READ_BYTES,
        )

    def feed(self, data: bytes) -> Answer | None:
        """Add the next bytes (none: the stream has ended); return the answer when it is whole.

        Raises :class:`GarbledAnswerError`.
        """
        parts = self._parts
        if data:
            self._received_bytes += len(data)
            parts.feed(data)
        elif not parts.lasts_until_end:
            raise GarbledAnswerError("it closed the connection before its answer was whole")
        if parts.is_whole or not data:
            self.is_last = parts.is_last
            parts.let_go()
            return Answer(parts.status, parts.headers, b"".join(parts.body))
        if max(parts.body_bytes, parts.announced_bytes) > _BODY_BYTES:
            raise GarbledAnswerError(f"its answer has more than {_BODY_BYTES:,} bytes")
        # Chunks may be small, and their lengths take room, too.
        if self._received_bytes - 2 * parts.body_bytes > _AROUND_BODY_BYTES:
            raise GarbledAnswerError(f"its answer has more than {_AROUND_BODY_BYTES:,} bytes of headers")
        return None


class _Parts:
    """What the parser has found so far; it calls the methods whose names begin with ``on``."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body: list[bytes] = []
        self.body_bytes = 0
        self.is_last = True
        self.is_whole = False
        self._has_headers = False
        self._parser = httptools.HttpResponseParser(self)

    @property
    def lasts_until_end(self) -> bool:
        """Whether the answer is whole when the stream ends: nothing has said how long it is."""
        return self._has_headers and not self.headers.keys() & {"content-length", "transfer-encoding"}

    @property
    def announced_bytes(self) -> int:
        return int(self.headers.get("content-length", 0)) if self._has_headers else 0

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self.is_whole:
                raise GarbledAnswerError(f"what it answers is not HTTP/1.1 ({error})") from None
            self.is_last = True  # there is something behind the answer
        except httptools.HttpParserUpgrade:
            raise GarbledAnswerError("it goes on in another protocol, for which nobody asked") from None
        if self._has_headers and self.headers.get("transfer-encoding", "chunked").lower() != "chunked":
            raise GarbledAnswerError("its answer has a transfer coding that nobody asked for")

    def let_go(self) -> None:
        """End the cycle with the parser: a large body would wait for the garbage collector."""
        del self._parser

    def on_message_begin(self) -> None:
        if self.is_whole:
            raise _BehindAnswerError  # which ends the parsing, or it would be taken for a part of the answer

    def on_header(self, name: bytes, text: bytes) -> None:
        key, value = name.decode("latin-1").lower(), text.decode("latin-1").strip()
        if not self._has_headers:  # those behind the body are of no use
            self.headers[key] = f"{self.headers[key]}, {value}" if key in self.headers else value

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status in _INTERIM_STATUSES:
            self.headers.clear()
            return
        self._has_headers = True
        self.is_last = not self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        self.body.append(data)
        self.body_bytes += len(data)

    def on_message_complete(self) -> None:
        self.is_whole = self._has_headers
