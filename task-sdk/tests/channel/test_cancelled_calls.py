"""When a cancelled caller is let go."""

from __future__ import annotations

import asyncio

import pytest
from statekeep._shared.state.errors import UnavailableError
from statekeep.channel.cancelled_calls import outcome


def cancelled_while_waiting(*, can_take_back: bool, end: object) -> list[bool]:
    """Cancel a caller twice, then end its request if it still waits; return whether it was done by then."""

    async def main() -> list[bool]:
        reply: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        calling = asyncio.create_task(outcome(reply, lambda: can_take_back))
        was_done = []
        for _ in range(2):
            await asyncio.sleep(0)
            calling.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            was_done.append(calling.done())
        if isinstance(end, Exception) and not reply.done():
            reply.set_exception(end)
        elif not reply.done():
            reply.set_result(end)
        with pytest.raises(asyncio.CancelledError):
            await calling
        return was_done

    return asyncio.run(main())


def test_at_once_when_the_request_was_taken_back() -> None:
    assert cancelled_while_waiting(can_take_back=True, end=1) == [True, True]


@pytest.mark.parametrize("end", [1, UnavailableError(what="the store", problem="is away")])
def test_when_the_request_has_ended_either_way_if_it_is_on_its_way(end: object) -> None:
    assert cancelled_while_waiting(can_take_back=False, end=end) == [False, False]


def test_a_caller_cancelled_as_the_reply_comes_is_cancelled() -> None:
    async def main() -> None:
        reply: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        calling = asyncio.create_task(outcome(reply, lambda: False))
        await asyncio.sleep(0)
        reply.set_result(1)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling

    asyncio.run(main())
