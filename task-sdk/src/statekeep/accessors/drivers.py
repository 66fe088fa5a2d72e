"""The two drivers of a flow, and the seam to whoever answers requests."""

from __future__ import annotations

import time
from typing import Any, Protocol, TypeVar

from .._shared.state.errors import StatekeepError
from .flows import Ask, Pause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .flows import Flow

T = TypeVar("T")


class Transport(Protocol):
    """Answers the requests of one try. Used from any thread, and ``acall`` from any event loop.

    Both return the reply as this package's own message, raise the error of a refusal, and keep the request
    id over every retry of theirs.
    """

    def call(self, request: Any, request_id: str | None = None) -> Any:
        """Return the reply; block until it is there."""

    async def acall(self, request: Any, request_id: str | None = None) -> Any:
        """Return the reply without blocking the event loop.

        A caller who is cancelled is cancelled when the request can do nothing any more: because it was
        withdrawn before it was sent, or because the reply has come.
        """


def run(flow: Flow[T], transport: Transport) -> T:
    """Drive a flow to its end in this thread, and return its result."""
    resume: Any = flow.send
    answer: Any = None
    while True:
        try:
            step = resume(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # what the generator returned, a T
        try:
            resume, answer = flow.send, _answer(step, transport)
        except StatekeepError as error:
            resume, answer = flow.throw, error


async def arun(flow: Flow[T], transport: Transport) -> T:
    """As :func:`run`, without blocking the event loop."""
    resume: Any = flow.send
    answer: Any = None
    while True:
        try:
            step = resume(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # what the generator returned, a T
        try:
            resume, answer = flow.send, await _aanswer(step, transport)
        except StatekeepError as error:
            resume, answer = flow.throw, error


def _answer(step: Ask | Pause, transport: Transport) -> Any:
    if isinstance(step, Pause):
        return time.sleep(step.seconds)
    return transport.call(step.request, step.request_id)


async def _aanswer(step: Ask | Pause, transport: Transport) -> Any:
    if isinstance(step, Pause):
        import asyncio

        return await asyncio.sleep(step.seconds)
    return await transport.acall(step.request, step.request_id)
