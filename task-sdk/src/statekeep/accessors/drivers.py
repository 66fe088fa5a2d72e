"""The two drivers of a flow, and the seam to whoever answers requests."""

from __future__ import annotations

import time
from typing import Any, Protocol, TypeVar

from .._shared.state.errors import StatekeepError, error_from
from .flows import Ask, BackendCall, Together

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .flows import Flow, Step

T = TypeVar("T")

# Each may hold a large value in memory, and one store serves many tasks.
MOST_AT_ONCE = 8


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
        except Exception as error:  # a backend is somebody else's code: whatever it is, the flow decides
            resume, answer = flow.throw, _own(error)


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
        except Exception as error:  # as above; a caller who is cancelled is no Exception, and ends it
            resume, answer = flow.throw, _own(error)


def _answer(step: Step, transport: Transport) -> Any:
    if isinstance(step, Ask):
        return transport.call(step.request, step.request_id)
    if isinstance(step, BackendCall):
        return _blocking(step)
    if isinstance(step, Together):
        return _together(step.flows, transport)
    return time.sleep(step.seconds)


async def _aanswer(step: Step, transport: Transport) -> Any:
    if isinstance(step, Ask):
        return await transport.acall(step.request, step.request_id)
    if isinstance(step, BackendCall):
        return await _called(step)
    if isinstance(step, Together):
        return await _atogether(step.flows, transport)
    import asyncio

    return await asyncio.sleep(step.seconds)


async def _called(step: BackendCall) -> Any:
    if step.asynchronous is not None and not step.must_end:
        return await step.asynchronous()
    import asyncio

    from ..channel.cancelled_calls import outcome

    # A thread cannot be stopped: a caller who went on before it has ended could be overtaken by it.
    coming = asyncio.to_thread(_blocking, step) if step.asynchronous is None else step.asynchronous()
    return await outcome(asyncio.ensure_future(coming), take_back=lambda: False)


def _blocking(step: BackendCall) -> Any:
    try:
        return step.blocking()
    # Neither a future nor a generator can hand it on: whoever awaits the one would wait for ever.
    except StopIteration as error:
        raise RuntimeError("a backend raised StopIteration") from error


def _together(flows: Sequence[Flow[Any]], transport: Transport) -> list[Any]:
    if len(flows) <= 1:
        return [run(flow, transport) for flow in flows]
    from concurrent.futures import ThreadPoolExecutor

    threads = ThreadPoolExecutor(min(MOST_AT_ONCE, len(flows)), "statekeep-backend")
    try:
        pending = [threads.submit(run, flow, transport) for flow in flows]
        return [each.result() for each in pending]
    finally:
        threads.shutdown(cancel_futures=True)


async def _atogether(flows: Sequence[Flow[Any]], transport: Transport) -> list[Any]:
    import asyncio

    places = asyncio.Semaphore(MOST_AT_ONCE)

    async def in_its_place(flow: Flow[T]) -> T:
        async with places:
            return await arun(flow, transport)

    pending = [asyncio.ensure_future(in_its_place(flow)) for flow in flows]
    try:
        return await asyncio.gather(*pending)
    finally:
        for each in pending:
            each.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


def _own(error: Exception) -> Exception:
    """Return an error as this copy's: a backend may raise the core's, which no ``except`` here matches."""
    code, facts = getattr(error, "code", None), getattr(error, "facts", None)
    if isinstance(error, StatekeepError) or not isinstance(code, str) or not isinstance(facts, dict):
        return error
    own = error_from(code, facts)
    own.__cause__ = error
    return own
