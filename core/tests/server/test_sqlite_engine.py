"""The engine on a file: what reads one entry is answered beside the writer, from what was acknowledged."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.errors import StoreUnusableError
from statekeep_core._shared.state.wire import from_plain, to_plain
from statekeep_core.embedded import EmbeddedReader, EmbeddedStore, open_store
from statekeep_core.policy import Work
from statekeep_core.server.sqlite_engine import SqliteEngine
from statekeep_core.server.telemetry.observing import Group, Observer, Observers

TASK = m.TaskAddress("flights", "2013", "load")


class Asking:
    """An engine on a file, and a try that asks it."""

    def __init__(self, folder: Path, observers: Observers) -> None:
        self.path = folder / "state.db"
        self.groups: list[int] = []
        self.engine = SqliteEngine(self._opened, observers=observers)

    def _opened(self) -> EmbeddedStore:
        store = open_store(self.path)
        answered = store.handle_group

        def counted(calls: Sequence[Any]) -> list[Any]:
            self.groups.append(len(calls))
            return answered(calls)

        store.handle_group = counted  # type: ignore[method-assign]  # as it was, and counted
        return store

    async def start(self) -> None:
        await self.engine.open()
        started = await self._asked(m.WorkerClaims("w"), m.Start(TASK, lease_seconds=600.0))
        self.claims = m.TryClaims(started.instance_id, started.try_number)
        self.groups.clear()

    async def ask(self, request: Any, try_number: int | None = None) -> Any:
        return await self._asked(
            m.TryClaims(self.claims.instance_id, try_number or self.claims.try_number), request
        )

    async def _asked(self, claims: m.Claims, request: Any) -> Any:
        return from_plain(await self.engine.answer((to_plain(claims), "", to_plain(request))))


def run(
    folder: Path, scenario: Callable[[Asking], Awaitable[None]], observers: Observers | None = None
) -> None:
    async def running() -> None:
        asking = Asking(folder, observers or Observers())
        await asking.start()
        try:
            await scenario(asking)
        finally:
            await asking.engine.close()

    asyncio.run(running())


def test_what_reads_one_entry_waits_for_no_writer(tmp_path: Path) -> None:
    has_written, may_end = threading.Event(), threading.Event()

    def write(work: Work) -> None:
        work.tx.run("UPDATE task_entries SET value = ?", (b"2",))
        has_written.set()
        may_end.wait(60)

    async def scenario(asking: Asking) -> None:
        await asking.ask(m.Set("k", b"1"))
        writing = asyncio.ensure_future(asking.engine.transact(write))
        await asyncio.to_thread(has_written.wait, 60)
        found = [await asking.ask(m.Get("k")) for _ in range(5)]
        assert [entry.value for entry in found] == [b"1"] * 5
        assert not writing.done()
        may_end.set()
        await writing
        assert (await asking.ask(m.Get("k"))).value == b"2"
        assert asking.groups == [1]

    run(tmp_path, scenario)


def test_what_was_acknowledged_is_read(tmp_path: Path) -> None:
    async def write_and_read(asking: Asking, key: str) -> None:
        for number in range(40):
            await asking.ask(m.Set(key, b"%d" % number))
            assert (await asking.ask(m.Get(key))).value == b"%d" % number
        await asking.ask(m.Delete(key))
        assert await asking.ask(m.Get(key)) == m.Absent(key)

    async def scenario(asking: Asking) -> None:
        await asyncio.gather(*(write_and_read(asking, f"k{number}") for number in range(8)))

    run(tmp_path, scenario)


def test_what_is_read_here_is_counted_with_all_else(tmp_path: Path) -> None:
    groups: list[Group] = []

    class Counting(Observer):
        def waits(self) -> object:
            return "asked"

        def group_answered(self, group: Group) -> None:
            groups.append(group)

    async def scenario(asking: Asking) -> None:
        groups.clear()
        await asyncio.gather(*(asking.ask(m.Get(f"k{number}")) for number in range(100)))

    run(tmp_path, scenario, Observers([Counting()]))
    assert {group.queue for group in groups} == {"all"}
    assert [origin for group in groups for origin in group.origins] == ["asked"] * 100
    # The loop has others to serve: what is more is read by the store.
    assert len(groups[0].origins) == 64
    assert all(group.began_at_ns <= group.ended_at_ns for group in groups)


def test_a_read_that_is_refused_is_told_what_the_store_says(tmp_path: Path) -> None:
    async def scenario(asking: Asking) -> None:
        await asking.ask(m.Set("k", b"1"))
        refused, found, malformed = await asyncio.gather(
            asking.ask(m.Get("k"), try_number=9), asking.ask(m.Get("k")), asking.ask(m.Get(""))
        )
        assert [refused.code, found.value, malformed.code] == ["unauthenticated", b"1", "invalid_key"]

    run(tmp_path, scenario)


def test_a_file_that_cannot_be_read_beside_the_store_is_read_by_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_is_read(_: EmbeddedReader, calls: Sequence[Any]) -> list[Any]:
        return [None] * len(calls)

    async def scenario(asking: Asking) -> None:
        await asking.ask(m.Set("k", b"1"))
        monkeypatch.setattr(EmbeddedReader, "read", none_is_read)
        found = await asyncio.gather(*(asking.ask(m.Get("k")) for _ in range(3)))
        assert [entry.value for entry in found] == [b"1"] * 3
        assert sum(asking.groups) == 4

    run(tmp_path, scenario)


def test_a_file_that_was_replaced_is_told_of_as_ever(tmp_path: Path) -> None:
    async def scenario(asking: Asking) -> None:
        asking.path.rename(tmp_path / "elsewhere.db")
        refused = await asking.ask(m.Get("k"))
        assert refused.code == StoreUnusableError.code
        (tmp_path / "elsewhere.db").rename(asking.path)
        assert await asking.ask(m.Get("k")) == m.Absent("k")

    run(tmp_path, scenario)


def test_at_the_end_the_log_is_folded_and_what_waited_was_answered(tmp_path: Path) -> None:
    async def scenario(asking: Asking) -> None:
        await asking.ask(m.Set("k", b"1"))
        asked = [asyncio.ensure_future(asking.ask(m.Get("k"))) for _ in range(3)]
        await asyncio.sleep(0)
        await asking.engine.close()
        assert [entry.value for entry in await asyncio.gather(*asked)] == [b"1"] * 3

    run(tmp_path, scenario)
    assert not list(tmp_path.glob("state.db-*"))


def test_a_store_beside_which_nobody_can_read_is_closed_and_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Path] = []
    close = EmbeddedStore.close

    def refuse(store: EmbeddedStore) -> EmbeddedReader:
        raise StoreUnusableError(what=str(store.path), problem="is not read", remedy="read it")

    def noted(store: EmbeddedStore) -> None:
        closed.append(store.path)
        close(store)

    monkeypatch.setattr(EmbeddedStore, "reader", refuse)
    monkeypatch.setattr(EmbeddedStore, "close", noted)

    async def scenario() -> None:
        engine = SqliteEngine(lambda: open_store(tmp_path / "state.db"))
        with pytest.raises(StoreUnusableError, match="is not read"):
            await engine.open()

    asyncio.run(scenario())
    assert closed == [tmp_path / "state.db"]


def fill_the_disk(work: Work) -> None:
    """Let the file grow no more: to who writes that is as if its disk were full."""
    [(pages,)] = work.tx.rows("PRAGMA page_count")
    work.tx.run(f"PRAGMA max_page_count = {pages}")


def test_a_disk_that_takes_no_more_gets_the_log_folded(tmp_path: Path) -> None:
    async def scenario(asking: Asking) -> None:
        before = asking.path.stat().st_mtime_ns
        await asking.engine.transact(fill_the_disk)
        large = b'"%s"' % (b"x" * 60_000)
        refused = [await asking.ask(m.Set(f"k{number}", large)) for number in range(9)][-1]
        assert refused.facts["problem"] == "its disk is full"
        give_up_at = time.monotonic() + 60
        while asking.path.stat().st_mtime_ns == before:
            assert time.monotonic() < give_up_at

    run(tmp_path, scenario)
