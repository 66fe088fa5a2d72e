"""Reads the bodies of requests, in bounded memory and time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from statekeep_core._shared.state.errors import (
    InvalidRequestError,
    UnavailableError,
    ValueTooLargeError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

DEFAULT_BODY_BYTES = 16 * 1024 * 1024
DEFAULT_TOTAL_BYTES = 256 * 1024 * 1024
DEFAULT_SECONDS = 30.0


class ClientGoneError(Exception):
    """The client has closed the connection; there is nobody to answer."""


class Bodies:
    """Reads bodies, each within its limit and all that are held at a time within another."""

    def __init__(
        self,
        *,
        body_bytes: int = DEFAULT_BODY_BYTES,
        total_bytes: int = DEFAULT_TOTAL_BYTES,
        seconds: float = DEFAULT_SECONDS,
    ) -> None:
        self._body_bytes = body_bytes
        self._total_bytes = total_bytes
        self._seconds = seconds
        self._held_bytes = 0

    async def read(self, receive: Callable[[], Awaitable[Any]], announced_bytes: int | None) -> bytes:
        """Return a body; :meth:`release` its length when it is not needed any more.

        Raises :class:`ValueTooLargeError`, :class:`UnavailableError` when too much is held already,
        :class:`InvalidRequestError` for a body that takes too long, and :class:`ClientGoneError`.
        """
        self._check(announced_bytes or 0)
        message = await receive()
        body: bytes = message.get("body", b"")
        if message["type"] != "http.request":
            raise ClientGoneError
        self._check(len(body))
        self._hold(len(body))
        if not message.get("more_body"):
            return body
        parts = [body]
        try:
            async with asyncio.timeout(self._seconds):
                await self._read_rest(receive, parts)
        except TimeoutError:
            self.release(sum(map(len, parts)))
            raise InvalidRequestError(
                what="request body",
                problem=f"was not here within {self._seconds:g} s",
                remedy="send it faster, or less",
            ) from None
        except BaseException:
            self.release(sum(map(len, parts)))
            raise
        return b"".join(parts)

    def release(self, size_bytes: int) -> None:
        """Say that a body is not held any more."""
        self._held_bytes -= size_bytes

    async def _read_rest(self, receive: Callable[[], Awaitable[Any]], parts: list[bytes]) -> None:
        size_bytes = len(parts[0])
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise ClientGoneError
            part: bytes = message.get("body", b"")
            self._check(size_bytes + len(part))
            self._hold(len(part))
            size_bytes += len(part)
            parts.append(part)
            if not message.get("more_body"):
                return

    def _check(self, size_bytes: int) -> None:
        if size_bytes > self._body_bytes:
            raise ValueTooLargeError(
                what="request body",
                size_bytes=size_bytes,
                limit_bytes=self._body_bytes,
                remedy="send it in several requests",
            )

    def _hold(self, size_bytes: int) -> None:
        if self._held_bytes + size_bytes > self._total_bytes:
            raise UnavailableError(
                what="the server",
                problem=f"it holds {self._held_bytes:,} bytes of requests already; nothing was changed",
                changed=False,
            )
        self._held_bytes += size_bytes
