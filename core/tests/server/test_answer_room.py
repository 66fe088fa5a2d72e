"""Large answers take turns, so that however many are asked for, few are there at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from statekeep_core._shared.state.errors import UnavailableError
from statekeep_core.server.answer_room import AnswerRoom

GET = {"kind": "Get", "key": "k"}
SET = {"kind": "Set", "key": "k", "value": b"1"}
MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("request_", "most_bytes"),
    [
        (GET, 0),
        (SET, 0),
        ({"kind": "Batch", "operations": [GET, SET, GET]}, 200),
        ({"kind": "Batch", "operations": [SET] * 50}, 0),
        ({"kind": "Batch", "operations": [GET] * 1_000_000}, 32 * MIB),
        ({"kind": "Batch", "operations": 7}, 0),
        ({"kind": "Batch", "operations": [7, {"kind": []}]}, 0),
        ({"kind": "Batch"}, 0),
        ({"kind": "ListEntries"}, 0),
        ({"kind": "ListEntries", "with_values": True}, MIB + 100),
        ({"kind": "ListHistory"}, 10_000),
        ({"kind": "ListHistory", "limit": 3}, 300),
        ({"kind": "ListHistory", "limit": 2**62}, 100_000),
        ({"kind": "ListHistory", "limit": -1}, 0),
        ({"kind": "ListHistory", "limit": "x"}, 0),
    ],
)
def test_what_may_be_answered_is_known_before(request_: dict[str, Any], most_bytes: int) -> None:
    assert AnswerRoom(max_value_bytes=100).most_bytes(request_) == most_bytes


def test_who_finds_no_room_waits_for_its_turn() -> None:
    async def scenario() -> None:
        room = AnswerRoom(total_bytes=10, patience_seconds=60)
        assert await room.take(6) == 6
        large = asyncio.ensure_future(room.take(8))
        small = asyncio.ensure_future(room.take(1))  # which comes after it, though there would be room
        await asyncio.sleep(0)
        assert not large.done()
        room.give(6)
        assert (await large, await small) == (8, 1)
        room.give(9)
        assert await room.take(1_000) == 10  # more than all of it: alone

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_who_waits_for_too_long_is_told_so_and_leaves_its_turn_to_others() -> None:
    async def scenario() -> None:
        room = AnswerRoom(total_bytes=10, patience_seconds=0.01)
        await room.take(6)
        with pytest.raises(UnavailableError, match="no room for a large answer"):
            await room.take(8)
        assert await room.take(4) == 4

    asyncio.run(asyncio.wait_for(scenario(), 60))


@pytest.mark.parametrize("has_come", [False, True])
def test_who_goes_away_gives_back_what_it_had_or_wanted(has_come: bool) -> None:
    async def scenario() -> None:
        room = AnswerRoom(total_bytes=10, patience_seconds=60)
        await room.take(10)
        waiting = asyncio.ensure_future(room.take(10))
        await asyncio.sleep(0)
        if has_come:
            room.give(10)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        if not has_come:
            room.give(10)
        assert await room.take(10) == 10

    asyncio.run(asyncio.wait_for(scenario(), 60))
