"""One connection to one of the servers: kept open, given up when it breaks, made anew at the next server."""

from __future__ import annotations

import random
import select
from typing import TYPE_CHECKING, NamedTuple

from .._shared.state.errors import StoreUnusableError
from .._shared.state.routes import REQUEST_ID_HEADER
from ..tracing.following import NO_TRACING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from http.client import HTTPConnection

    from ..tracing.following import Tracing


class Answer(NamedTuple):
    """What a server answered, whole. The names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswerError(Exception):
    """No server answered. ``may_have_arrived``: the request was sent, and what came of it is not known."""

    def __init__(self, problem: str, *, may_have_arrived: bool) -> None:
        super().__init__(problem)
        self.may_have_arrived = may_have_arrived


class ServerConnection:
    """Used by one thread at a time. Making one connects to nothing."""

    def __init__(self, urls: Sequence[str], answer_seconds: float, tracing: Tracing = NO_TRACING) -> None:
        self._urls = urls
        self._tracing = tracing
        self._answer_seconds = answer_seconds
        # Workers spread over the servers without being told to.
        self._place = random.randrange(len(urls))  # noqa: S311 -- no secret depends on it
        self._connection: HTTPConnection | None = None

    @property
    def url(self) -> str:
        """The server that is asked next."""
        return self._urls[self._place]

    def exchange(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post a body and return the answer.

        Raises :class:`NoAnswerError`, after which the next server is asked, and
        :class:`StoreUnusableError` when a server's certificate proves nothing.
        """
        with self._tracing.attempt(headers.get(REQUEST_ID_HEADER, ""), path, self.url) as attempt:
            traced = {"traceparent": attempt.traceparent} if attempt.traceparent else {}
            answer = self._exchange(path, {**headers, **traced}, body)
            attempt.answered(answer.status)
            return answer

    def _exchange(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        from http.client import HTTPException  # 20 ms that only whoever asks a server pays

        connection = self._connected()
        try:
            self._connection = None  # until the answer is whole, whatever interrupts
            connection.request("POST", self._prefix() + path, body, dict(headers))
            response = connection.getresponse()
            answer = Answer(
                response.status, {n.lower(): text for n, text in response.getheaders()}, response.read()
            )
        except (OSError, HTTPException) as error:
            connection.close()
            raise self._no_answer(error, may_have_arrived=True) from None
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._connection = connection
        return answer

    def close(self) -> None:
        """Let go of the connection; the next exchange makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def go_on(self) -> None:
        """Ask the next server from now on."""
        self.close()
        self._place = (self._place + 1) % len(self._urls)

    def _connected(self) -> HTTPConnection:
        if self._connection is not None and _is_ended(self._connection):
            self.close()
        return self._connection or self._connect()

    def _connect(self) -> HTTPConnection:
        from http.client import HTTPConnection, HTTPException, HTTPSConnection
        from urllib.parse import urlsplit

        parts = urlsplit(self.url)
        cls = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = cls(parts.hostname or "", parts.port, timeout=self._answer_seconds)
        try:
            connection.connect()
        except (OSError, HTTPException) as error:
            connection.close()
            self._raise_if_untrusted(error)
            raise self._no_answer(error, may_have_arrived=False) from None
        return connection

    def _prefix(self) -> str:
        return "/" + self.url.partition("://")[2].partition("/")[2] if self.url.count("/") > 2 else ""

    def _no_answer(self, error: Exception, *, may_have_arrived: bool) -> NoAnswerError:
        problem = str(getattr(error, "strerror", None) or error or type(error).__name__)
        no_answer = NoAnswerError(f"{self.url}: {problem}", may_have_arrived=may_have_arrived)
        self.go_on()
        return no_answer

    def _raise_if_untrusted(self, error: Exception) -> None:
        if type(error).__name__ == "SSLCertVerificationError":
            raise StoreUnusableError(
                what=f"the server {self.url}",
                problem=f"its certificate is not one that this machine trusts ({error})",
                remedy="let the machine trust who signed it (SSL_CERT_FILE), or correct [api] url",
            ) from None


def _is_ended(connection: HTTPConnection) -> bool:
    """Return whether the server has closed a connection that was idle: it has sent what nobody asked for."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))
