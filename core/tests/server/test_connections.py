"""A client that does not get to the point is cut off, and one that does is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from statekeep_core.server.connections import BoundedProtocol

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"


class Quick(BoundedProtocol):
    head_seconds = 0.05
    head_bytes = 1_000


async def application(_scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def run(scenario: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
    async def running() -> None:
        configuration = uvicorn.Config(application, http=Quick, lifespan="off", log_config=None)
        configuration.load()
        state = uvicorn.Server(configuration).server_state
        server = await asyncio.get_running_loop().create_server(
            lambda: Quick(config=configuration, server_state=state, app_state={}), "127.0.0.1", 0
        )
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            try:
                await asyncio.wait_for(scenario(reader, writer), 20)
            finally:
                writer.close()
                await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    asyncio.run(running())


@pytest.mark.parametrize("sent", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_come_is_not_waited_for(sent: bytes) -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        assert await reader.read() == b""

    run(scenario)


def test_the_second_head_of_a_connection_has_the_same_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            writer.write(REQUEST)
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        writer.write(b"POST / HT")
        assert await reader.read() == b""

    run(scenario)


def test_an_endless_head_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Quick, "head_seconds", 60.0)

    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 2_000)
        assert await reader.read() == b""

    run(scenario)


def test_whoever_rests_between_requests_is_left_alone() -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(REQUEST)
        await reader.readuntil(b"ok")
        await asyncio.sleep(4 * Quick.head_seconds)
        writer.write(REQUEST)
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")

    run(scenario)
