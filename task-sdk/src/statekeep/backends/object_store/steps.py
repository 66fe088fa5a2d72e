"""The steps that a flow yields, and the two drivers that take them: blocking, and on an event loop.

A flow is a generator without input or output of its own; what it returns is the outcome.
"""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .medium import Medium

Outcome = TypeVar("Outcome")

# What one step may compress or decode on the event loop: about a quarter of a millisecond.
INLINE_BYTES = 32_768


class Step(Protocol):
    """Something that a flow wants done."""

    def take(self, medium: Medium) -> Any:
        """Do it, blocking."""

    async def atake(self, medium: Medium) -> Any:
        """Do it without blocking the loop."""


class Ask(NamedTuple):
    """Call a method of the medium, or its twin."""

    method: str
    arguments: tuple[Any, ...]

    def take(self, medium: Medium) -> Any:
        return getattr(medium, self.method)(*self.arguments)

    async def atake(self, medium: Medium) -> Any:
        return await getattr(medium, f"a{self.method}")(*self.arguments)


class ReadOn(NamedTuple):
    """Read the next piece of a stream."""

    stream: Any

    def take(self, medium: Medium) -> Any:  # noqa: ARG002 -- every step takes one
        return self.stream.read()

    async def atake(self, medium: Medium) -> Any:  # noqa: ARG002 -- every step takes one
        return await self.stream.aread()


class Pause(NamedTuple):
    """Wait, before something is tried again."""

    seconds: float

    def take(self, medium: Medium) -> Any:  # noqa: ARG002 -- every step takes one
        sleep(self.seconds)

    async def atake(self, medium: Medium) -> Any:  # noqa: ARG002 -- every step takes one
        from asyncio import sleep as asleep

        await asleep(self.seconds)


class Compute(NamedTuple):
    """Call a function that needs the processor; in a thread when ``size_bytes`` is too much for the loop."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    size_bytes: int

    def take(self, medium: Medium) -> Any:  # noqa: ARG002 -- every step takes one
        return self.function(*self.arguments)

    async def atake(self, medium: Medium) -> Any:
        if self.size_bytes <= INLINE_BYTES:
            return self.take(medium)
        from asyncio import to_thread

        return await to_thread(self.function, *self.arguments)


def run(flow: Generator[Step, Any, Outcome], medium: Medium) -> Outcome:
    """Run a flow to its end, blocking; return its outcome or raise what it raises."""
    resume, argument = flow.send, None
    while True:
        try:
            step = resume(argument)
        except StopIteration as done:
            outcome: Outcome = done.value
            return outcome
        try:
            resume, argument = flow.send, step.take(medium)
        except Exception as error:  # whatever it is, the flow decides
            resume, argument = flow.throw, error


async def arun(flow: Generator[Step, Any, Outcome], medium: Medium) -> Outcome:
    """Run a flow to its end on the event loop, or in a thread when the medium can only block."""
    if not medium.is_async:
        from asyncio import to_thread

        return await to_thread(run, flow, medium)
    resume, argument = flow.send, None
    while True:
        try:
            step = resume(argument)
        except StopIteration as done:
            outcome: Outcome = done.value
            return outcome
        try:
            resume, argument = flow.send, await step.atake(medium)
        except Exception as error:  # whatever it is, the flow decides
            resume, argument = flow.throw, error
