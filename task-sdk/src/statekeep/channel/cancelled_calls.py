"""What an async call owes to a caller who is cancelled: a known place in the order of writes."""

from __future__ import annotations

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


async def outcome(reply: asyncio.Future[T], take_back: Callable[[], bool]) -> T:
    """Return what a future comes to. Cancel the caller only when the request can do nothing any more.

    That is at once when ``take_back()``, which withdraws the request, returns True; otherwise when the reply
    has come, however often the caller is cancelled until then.
    """
    cancelled: asyncio.CancelledError | None = None
    while not reply.done():
        try:
            await asyncio.wait((reply,))  # unlike `await reply`, leaves it whole when the caller is cancelled
        except asyncio.CancelledError as error:
            cancelled = error
            if take_back():
                reply.cancel()
    if cancelled is not None:
        if not reply.cancelled():
            reply.exception()  # nobody else fetches it
        raise cancelled
    return reply.result()
