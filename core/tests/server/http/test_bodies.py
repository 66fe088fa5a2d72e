"""Bodies are read within their bounds, and what is read counts until it is released."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from statekeep_core._shared.state.errors import InvalidRequestError, UnavailableError, ValueTooLargeError
from statekeep_core.server.http.bodies import Bodies


def giving(*parts: bytes) -> Callable[[], Awaitable[Any]]:
    left = list(parts)

    async def receive() -> Any:
        if not left:
            await asyncio.Event().wait()
        part = left.pop(0)
        return {"type": "http.request", "body": part, "more_body": part != parts[-1]}

    return receive


def read(bodies: Bodies, *parts: bytes, announced: int | None = None) -> bytes:
    return asyncio.run(bodies.read(giving(*parts), announced))


def test_a_body_comes_whole_from_its_parts() -> None:
    assert read(Bodies(), b"a", b"b", b"c") == b"abc"
    assert read(Bodies(), b"a") == b"a"


@pytest.mark.parametrize("parts", [(b"x" * 11,), (b"x" * 6, b"x" * 5), ()])
def test_a_body_over_the_limit_is_refused(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueTooLargeError, match="over the limit of 10"):
        read(Bodies(body_bytes=10), *parts, announced=None if parts else 11)


def test_what_is_held_is_bounded_and_counts_until_it_is_released() -> None:
    bodies = Bodies(total_bytes=10)
    read(bodies, b"x" * 6)
    for parts in [(b"y" * 5,), (b"y" * 3, b"z" * 2)]:
        with pytest.raises(UnavailableError, match=r"[69] bytes"):
            read(bodies, *parts)
    bodies.release(6)
    assert read(bodies, b"y" * 10)


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    bodies = Bodies(seconds=0.01, total_bytes=10)

    async def scenario() -> None:
        left = [b"x" * 6]

        async def receive() -> Any:
            if not left:
                await asyncio.Event().wait()
            return {"type": "http.request", "body": left.pop(), "more_body": True}

        with pytest.raises(InvalidRequestError, match=r"within 0\.01 s"):
            await bodies.read(receive, None)

    asyncio.run(scenario())
    assert read(bodies, b"y" * 10)
