"""The watch sees what blocks the event loop, and only that."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from statekeep_shared.state import TaskScope
from statekeep_shared.state.testing import MemoryStateBackend
from statekeep_shared.state.testing.loop_watch import LoopWatch

if TYPE_CHECKING:
    from collections.abc import Callable

SCOPE = TaskScope("d", "r", "t")
LOCK = threading.Lock()


def _use_sqlite() -> None:
    sqlite3.connect(":memory:").execute("select 1").fetchone()


def _take_a_lock() -> None:
    LOCK.acquire()
    LOCK.release()


def _use_a_socket() -> None:
    here, there = socket.socketpair()
    with here, there:
        here.sendall(b"x")
        there.recv(1)


def _watch(work: Any) -> list[str]:
    watch = LoopWatch(MemoryStateBackend())

    async def main() -> None:
        with watch:
            await work()

    asyncio.run(main())
    return watch.blocking_calls


BLOCKING: dict[str, Callable[[], object]] = {
    "get()": lambda: MemoryStateBackend().get(SCOPE, "k"),
    "open": lambda: Path(__file__).read_bytes(),
    "stat": lambda: Path(__file__).stat(),
    "execute": _use_sqlite,
    "recv": _use_a_socket,
    "sleep": lambda: time.sleep(0),
    "acquire": _take_a_lock,
}


@pytest.mark.parametrize("name", BLOCKING)
def test_blocking_work_on_the_loop_is_seen(name: str) -> None:
    async def work() -> None:
        BLOCKING[name]()

    assert any(name in call for call in _watch(work))


@pytest.mark.parametrize("name", BLOCKING)
def test_blocking_work_in_a_thread_is_not_the_loops(name: str) -> None:
    async def work() -> None:
        await asyncio.to_thread(BLOCKING[name])

    assert _watch(work) == []


def test_what_the_loop_itself_does_is_not_counted() -> None:
    async def work() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1")
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await reader.read()
        writer.close()
        server.close()
        async with asyncio.Lock():
            await asyncio.sleep(0)

    assert _watch(work) == []


def test_nothing_is_watched_any_more_after_the_end() -> None:
    watch = LoopWatch(MemoryStateBackend())
    with watch:
        pass
    BLOCKING["stat"]()
    assert watch.blocking_calls == []
