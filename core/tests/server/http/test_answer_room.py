"""Large answers take turns, so that however many are asked for, few are there at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from statekeep_core._shared.state.errors import UnavailableError
from statekeep_core.server.http.answer_room import AnswerRoom
from statekeep_core.server.http.app import Application

from core.tests.server.served import Served, run

GET = {"kind": "Get", "key": "k"}
SET = {"kind": "Set", "key": "k", "value": b"1"}
MIB = 1024 * 1024


def test_one_value_of_the_usual_limit_needs_no_room_and_a_larger_one_does() -> None:
    assert AnswerRoom().most_bytes(GET) == 0
    assert AnswerRoom(max_value_bytes=MIB).most_bytes(GET) > MIB
    assert AnswerRoom(max_value_bytes=MIB).most_bytes(SET) == 0


def test_what_an_answer_does_not_need_is_free_before_it_is_read() -> None:
    async def scenario() -> None:
        room = AnswerRoom(total_bytes=10 * MIB, patience_seconds=60)
        taken_bytes = await room.take(10 * MIB)
        kept_bytes = room.keep(taken_bytes, 2 * MIB)
        assert (kept_bytes, await room.take(8 * MIB)) == (2 * MIB, 8 * MIB)
        assert room.keep(8 * MIB, 100) == 0
        assert room.keep(kept_bytes, 3 * MIB) == kept_bytes
        room.give(kept_bytes)
        assert await room.take(10 * MIB) == 10 * MIB

    asyncio.run(asyncio.wait_for(scenario(), 60))


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
        with pytest.raises(UnavailableError, match="no room for a large answer") as refused:
            await room.take(8)
        assert refused.value.facts["changed"] is False
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


def test_who_goes_away_as_room_comes_leaves_it_to_the_next() -> None:
    async def scenario() -> None:
        room = AnswerRoom(total_bytes=10, patience_seconds=60)
        await room.take(10)
        leaving, next_one = (asyncio.ensure_future(room.take(10)) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        room.give(10)  # before it has got round to leaving
        assert await next_one == 10
        with pytest.raises(asyncio.CancelledError):
            await leaving
        room.give(10)
        assert await room.take(10) == 10

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_an_answer_keeps_its_room_until_it_is_read(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        token = await served.started()
        written = await served.ask("/execution/v1/set", {"key": "k", "value": "x" * 60_000}, token)
        assert written.status == 200
        app = Application(served.engine, served.access, room=AnswerRoom(total_bytes=1))
        is_sent, is_read, sent = asyncio.Event(), asyncio.Event(), [list[Any](), list[Any]()]

        async def ask(number: int) -> None:
            async def send(message: Any) -> None:
                sent[number].append(message)
                if message.get("body") == b"":  # what a server sends when the client has read the rest
                    is_sent.set()
                    await is_read.wait()

            await app(_posted("/execution/v1/batch", token), _body(_READ_TWICE), send)

        asked = [asyncio.ensure_future(ask(number)) for number in range(2)]
        await is_sent.wait()
        assert not sent[1]
        read = await served.ask("/execution/v1/get", {"key": "k"}, token)  # for one value there is room
        assert read.status == 200
        is_read.set()
        await asyncio.gather(*asked)
        assert [messages[0]["status"] for messages in sent] == [200, 200]

    run(tmp_path, scenario)


def test_a_refused_request_gives_its_room_back(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        token = await served.started()
        served.app._room = AnswerRoom(total_bytes=1, patience_seconds=60)
        for body in ({"operations": [GET, {"kind": "Get"}]}, {"operations": [GET] * 3}) * 3:
            answered = await served.ask("/execution/v1/batch", body, token)
            assert answered.status == (422 if len(body["operations"]) == 2 else 200)

    run(tmp_path, scenario)


def test_a_request_that_the_engine_does_not_take_gives_its_room_back(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        token = await served.started()
        served.app._room = AnswerRoom(total_bytes=1, patience_seconds=60)
        await served.engine.close()
        for _ in range(2):
            answered = await served.ask("/execution/v1/batch", {"operations": [GET, GET]}, token)
            assert "shutting down" in answered.document["detail"]

    run(tmp_path, scenario)


_READ_TWICE = b'{"operations":[{"kind":"Get","key":"k"},{"kind":"Get","key":"k"}]}'


def _posted(path: str, token: str) -> dict[str, Any]:
    headers = [(b"authorization", f"Bearer {token}".encode())]
    return {"type": "http", "method": "POST", "path": path, "headers": headers}


def _body(body: bytes) -> Any:
    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    return receive
