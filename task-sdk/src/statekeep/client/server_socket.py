"""A socket to one server, over TCP or TLS: one request at a time, and its answer."""

from __future__ import annotations

import select
import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .http_answer import AnswerReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .http_answer import Answer

# Up to it a copy costs less than a second packet, and the server's second look.
_TOGETHER_BYTES = 64 * 1024
# A large answer over a slow way may take as long again for each of these.
_BYTES_IN_TIME = 1024 * 1024


class ServerSocket:
    """Connected from its making on. Used by one thread at a time, and never again after an error.

    ``is_open``: whether the server takes another request over it.
    """

    def __init__(self, url: str, answer_seconds: float) -> None:
        """Raises ``OSError`` where no connection can be made."""
        parts = urlsplit(url)
        self._prefix = parts.path
        self._host = parts.netloc
        self._answer_seconds = answer_seconds
        self.is_open = True
        host, is_secure = parts.hostname or "", parts.scheme == "https"
        plain = socket.create_connection((host, parts.port or (443 if is_secure else 80)), answer_seconds)
        try:
            # A packet that waits for the answer to the one before waits for up to 40 ms.
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = _secured(plain, host) if is_secure else plain
        except BaseException:
            plain.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    @property
    def is_usable(self) -> bool:
        """Whether the server takes more: where it has closed what was idle, there is something to read."""
        return self.is_open and not self._poll.poll(0)

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request, and return the answer to it.

        Raises ``OSError`` and :class:`GarbledAnswerError`, and ``ValueError`` before anything is sent.
        """
        head = self._head(path, headers, len(body))
        if len(body) <= _TOGETHER_BYTES:
            self._socket.sendall(head + body)
        else:
            self._socket.sendall(head)
            self._socket.sendall(body)
        reader = AnswerReader()
        answer = reader.feed(self._socket.recv(reader.wanted_bytes))
        if answer is None:
            answer = self._rest(reader)
        self.is_open = not reader.is_last
        return answer

    def _rest(self, reader: AnswerReader) -> Answer:
        """Read on, in bounded time: who sends a byte now and then would be waited for for ever."""
        end_at, in_time = time.monotonic() + self._answer_seconds, _BYTES_IN_TIME
        answer = None
        while answer is None:
            left = end_at - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"its answer was not whole after {self._answer_seconds:g} s")
            self._socket.settimeout(left)
            data = self._socket.recv(reader.wanted_bytes)
            answer = reader.feed(data)
            in_time -= len(data)
            if in_time <= 0:
                end_at, in_time = time.monotonic() + self._answer_seconds, _BYTES_IN_TIME
        self._socket.settimeout(self._answer_seconds)
        return answer

    def close(self) -> None:
        """Let go of the connection."""
        self._socket.close()

    def _head(self, path: str, headers: Mapping[str, str], length: int) -> bytes:
        lines = (
            f"POST {self._prefix}{path} HTTP/1.1",
            f"Host: {self._host}",
            "Accept-Encoding: identity",
            f"Content-Length: {length}",
            *(f"{name}: {text}" for name, text in headers.items()),
        )
        if not all(line.isascii() and line.isprintable() for line in lines):
            raise ValueError("a request's header would hold what none may")
        return "\r\n".join((*lines, "\r\n")).encode("ascii")


def _secured(plain: socket.socket, host: str) -> socket.socket:
    import ssl  # 10 ms that only whoever needs it pays

    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context.wrap_socket(plain, server_hostname=host)
