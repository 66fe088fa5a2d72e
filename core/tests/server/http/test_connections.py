"""A client that does not get to the point is cut off, and one that does is not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from statekeep_core.server.http.connections import BoundedProtocol, Limits, bounded

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
# What one test is about is short, and nothing else ends by itself while the machine is busy.
PATIENT = Limits(head_seconds=600.0, body_seconds=600.0, unread_seconds=600.0, connections=100)
SOON = 0.05
LARGE_BYTES = 64 * 1024 * 1024

Scenario = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def application(scope: Any, receive: Any, send: Any) -> None:
    message = await receive()
    while message.get("more_body"):
        message = await receive()
    if message["type"] != "http.request":
        return
    body = b"ok" if scope["path"] == "/" else b"x" * LARGE_BYTES
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


def run(limits: Limits, scenario: Scenario, state: uvicorn.server.ServerState | None = None) -> None:
    """Run a scenario over one connection; all that the server has is gone when the client is."""

    async def running() -> None:
        protocol = bounded(limits)
        configuration = uvicorn.Config(
            application, http=protocol, lifespan="off", log_config=None, timeout_keep_alive=600
        )
        configuration.load()
        held = state or uvicorn.Server(configuration).server_state
        server = await asyncio.get_running_loop().create_server(
            lambda: protocol(config=configuration, server_state=held, app_state={}), "127.0.0.1", 0
        )
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            try:
                await asyncio.wait_for(scenario(reader, writer), 60)
            finally:
                writer.close()
                await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            while held.connections or held.tasks:  # noqa: ASYNC110 -- uvicorn keeps sets, and tells nobody
                await asyncio.sleep(0)

    asyncio.run(running())


@pytest.mark.parametrize("sent", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_come_is_not_waited_for(sent: bytes) -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        with contextlib.suppress(ConnectionError):  # the deadline may pass before any of it was read
            assert await reader.read() == b""

    run(PATIENT._replace(head_seconds=SOON), scenario)


@pytest.mark.parametrize("body", [b"", b"a"])
def test_a_body_that_does_not_come_is_not_waited_for(body: bytes) -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(REQUEST.removesuffix(b"ab") + body)
        assert await reader.read() == b""

    run(PATIENT._replace(body_seconds=SOON), scenario)


def test_a_body_that_comes_byte_by_byte_has_one_limit_for_all_of_it() -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        ended = asyncio.ensure_future(reader.read())
        while not ended.done():
            writer.write(b"a")
            await asyncio.wait([ended], timeout=SOON / 5)
        with contextlib.suppress(ConnectionError):  # the last byte was not read
            assert await ended == b""

    run(PATIENT._replace(body_seconds=SOON), scenario)


def test_the_second_head_of_a_connection_has_the_same_bound() -> None:
    state = uvicorn.server.ServerState()

    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(REQUEST)
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        [protocol] = state.connections
        assert isinstance(protocol, BoundedProtocol)
        type(protocol).limits = PATIENT._replace(head_seconds=SOON)  # those before had all the time they took
        writer.write(b"POST / HT")
        assert await reader.read() == b""

    run(PATIENT, scenario, state)


def test_an_endless_head_is_cut_off() -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 1_000_000)
        with contextlib.suppress(ConnectionError):  # a part of it was not read
            assert await reader.read() == b""

    run(PATIENT, scenario)


def test_an_answer_that_nobody_reads_is_not_kept() -> None:
    async def scenario(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a transport for both ways
        writer.write(REQUEST.replace(b"/ ", b"/large "))
        while not writer.transport.is_closing():  # reset, which a write notices and a read would not
            writer.write(b"x")
            await asyncio.sleep(SOON)

    run(PATIENT._replace(unread_seconds=SOON), scenario)


def test_an_answer_that_is_read_on_is_kept_and_comes_whole() -> None:
    state = uvicorn.server.ServerState()

    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(REQUEST.replace(b"/ ", b"/large "))
        await reader.readuntil(b"\r\n\r\n")
        [protocol] = state.connections
        assert isinstance(protocol, BoundedProtocol)
        left_bytes = LARGE_BYTES
        for _ in range(4):
            left_bytes -= len(await reader.readexactly(LARGE_BYTES // 4))
            protocol._look_at_unread()
            assert not protocol.transport.is_closing()
        assert left_bytes == 0

    run(PATIENT, scenario, state)


def test_an_answer_of_which_too_little_is_read_is_not_kept() -> None:
    state = uvicorn.server.ServerState()

    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Else the kernel might take, between two looks, as much as should be read.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        writer.write(REQUEST.replace(b"/ ", b"/large "))
        await reader.readexactly(LARGE_BYTES // 64)
        [protocol] = state.connections
        assert isinstance(protocol, BoundedProtocol)
        protocol._look_at_unread()
        assert protocol.transport.is_closing()

    run(PATIENT, scenario, state)


def test_past_the_limit_a_connection_is_refused_and_those_that_are_there_go_on() -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        second, other = await asyncio.open_connection(*writer.get_extra_info("peername"))
        answer = await second.read()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in answer
        assert b"it has 1 connections already" in answer
        assert b'"changed": false' in answer
        other.close()
        writer.write(REQUEST)
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")

    run(PATIENT._replace(connections=1), scenario)


def test_many_requests_at_once_are_answered_in_order_and_nothing_is_left() -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(REQUEST * 2_000)
        for _ in range(2_000):
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")

    run(PATIENT, scenario)


def test_whoever_closes_its_half_in_the_middle_is_gone() -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(REQUEST.removesuffix(b"b"))
        writer.write_eof()
        assert await reader.read() == b""

    run(PATIENT, scenario)


def test_whoever_rests_between_requests_is_left_alone() -> None:
    state = uvicorn.server.ServerState()

    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(REQUEST)
        await reader.readuntil(b"ok")
        [protocol] = state.connections
        assert isinstance(protocol, BoundedProtocol)
        assert (protocol._head_deadline, protocol._body_deadline, protocol._unread_deadline) == (None,) * 3

    run(PATIENT, scenario, state)


def test_answers_to_requests_that_come_at_once_are_sent_in_their_order() -> None:
    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = REQUEST.replace(b"POST", b"HEAD")
        last = REQUEST.replace(b"Host: x", b"Host: x\r\nConnection: close")
        writer.write(REQUEST + head + last)
        sent = await reader.read()
        whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"
        assert sent == whole + b"\r\nok" + whole + b"\r\n" + whole + b"connection: close\r\n\r\nok"

    run(PATIENT, scenario)
