"""One connection to one of the servers: kept open, given up when it breaks, made anew at the next server."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from .._shared.state.errors import StoreUnusableError
from .._shared.state.routes import REQUEST_ID_HEADER
from ..tracing.following import NO_TRACING
from .http_answer import Answer, GarbledAnswerError
from .server_socket import ServerSocket

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..tracing.following import Tracing

__all__ = ["Answer", "NoAnswerError", "ServerConnection"]


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
        self._connection: ServerSocket | None = None

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
        connection = self._connected()
        self._connection = None  # until the answer is whole, whatever interrupts
        try:
            answer = connection.post(path, headers, body)
        except (OSError, GarbledAnswerError) as error:
            connection.close()
            raise self._no_answer(error, may_have_arrived=True) from None
        except BaseException:
            connection.close()
            raise
        if connection.is_open:
            self._connection = connection
        else:
            connection.close()
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

    def _connected(self) -> ServerSocket:
        if self._connection is not None and not self._connection.is_usable:
            self.close()
        return self._connection or self._connect()

    def _connect(self) -> ServerSocket:
        try:
            return ServerSocket(self.url, self._answer_seconds)
        except OSError as error:
            self._raise_if_untrusted(error)
            raise self._no_answer(error, may_have_arrived=False) from None

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
