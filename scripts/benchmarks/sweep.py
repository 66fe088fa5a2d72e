"""The sweep of 1,000,000 expired entries beside 200,000 live ones, while somebody writes; raw deletion."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import apsw
import psycopg
from statekeep_core import embedded
from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state import wire
from statekeep_core.postgres.store import open_store as open_postgresql
from statekeep_core.server.postgres_engine import PostgresEngine
from statekeep_core.server.sqlite_engine import SqliteEngine
from statekeep_core.server.sweeping import Sweeper

from benchmarks.durable_postgresql import SETTINGS
from benchmarks.expired_store import INSTANCES, fill_postgresql, fill_sqlite
from benchmarks.grown_rows import VALUE
from benchmarks.measurement import Measurement
from benchmarks.served_file import MAPPED_BYTES
from tests.postgresql.cluster import running_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from statekeep_core.policy import Work

    OneOfOurs = SqliteEngine | PostgresEngine

T = TypeVar("T")

EXPIRED, LIVE = 1_000_000, 200_000
_PAUSE_SECONDS = 0.005
_ALONE_SECONDS = 5.0
_RAW_ROWS = 1_000
_GOAL_P99_MS = 50


def measure(expired: int = EXPIRED, live: int = LIVE) -> list[Measurement]:
    """Sweep a store of each engine, and delete as many rows from a copy of it."""
    rows: list[Measurement] = []
    with tempfile.TemporaryDirectory(prefix="statekeep-bench-") as folder:
        paths = [Path(folder) / name for name in ("raw.db", "state.db")]
        for path in paths:
            fill_sqlite(path, expired, live)
        raw_seconds = _raw(_raw_sqlite(paths[0]))
        engine = SqliteEngine(lambda: embedded.open_store(paths[1], mapped_bytes=MAPPED_BYTES))
        rows += _rows("SQLite", raw_seconds, asyncio.run(_swept(engine)))
    with running_cluster(*SETTINGS) as cluster:
        conninfos = [cluster.conninfo(cluster.make_database()) for _ in range(2)]
        for conninfo in conninfos:
            fill_postgresql(conninfo, expired, live)
        raw_seconds = _raw(_raw_postgresql(conninfos[0]))
        connections = PostgresEngine.CONNECTIONS
        postgres = PostgresEngine(lambda: open_postgresql(conninfos[1], connections=connections))
        rows += _rows("PostgreSQL", raw_seconds, asyncio.run(_swept(postgres)))
    return rows


class _Swept(NamedTuple):
    seconds: float
    steps_ms: list[float]
    writes_alone_ms: list[float]
    writes_beside_ms: list[float]


def _rows(engine: str, raw_seconds: float, swept: _Swept) -> list[Measurement]:
    name = f"{engine}, sweep of {EXPIRED:,} expired"
    return [
        Measurement(f"{name}: raw deletion by {_RAW_ROWS:,}, nobody beside", "s", [raw_seconds]),
        Measurement(f"{name}: in all", "s", [swept.seconds], raw_seconds),
        Measurement(f"{name}: a transaction", "ms", swept.steps_ms),
        Measurement(f"{name}: the longest transaction", "ms", [max(swept.steps_ms)]),
        Measurement(f"{name}: a write before it, p99", "ms", swept.writes_alone_ms, percentile=99),
        Measurement(f"{name}: a write beside it", "ms", swept.writes_beside_ms),
        Measurement(
            f"{name}: a write beside it, p99", "ms", swept.writes_beside_ms, _GOAL_P99_MS, percentile=99
        ),
        Measurement(f"{name}: load average", "", [os.getloadavg()[0]]),
    ]


class _Timed:
    """An engine whose transactions are timed, from their first statement to after their commit."""

    def __init__(self, engine: OneOfOurs) -> None:
        self._engine = engine
        self.policy = engine.policy
        self.taken_ms: list[float] = []

    async def transact(self, operation: Callable[[Work], T]) -> T:
        began: list[float] = []

        def timed(work: Work) -> T:
            began.append(time.perf_counter())
            return operation(work)

        result = await self._engine.transact(timed)
        self.taken_ms.append((time.perf_counter() - began[-1]) * 1000)
        return result


async def _swept(engine: OneOfOurs) -> _Swept:
    await engine.open()
    try:
        alone: list[float] = []
        writer = asyncio.create_task(_write(engine, alone))
        await asyncio.sleep(_ALONE_SECONDS)
        writer.cancel()
        beside: list[float] = []
        writer = asyncio.create_task(_write(engine, beside))
        timed = _Timed(engine)
        started = time.perf_counter()
        await Sweeper(timed, every_seconds=1).sweep()  # type: ignore[arg-type]  # it asks for nothing else
        seconds = time.perf_counter() - started
        writer.cancel()
        return _Swept(seconds, timed.taken_ms, alone, beside)
    finally:
        await engine.close()


async def _write(engine: OneOfOurs, taken_ms: list[float]) -> None:
    """Set an entry every 5 ms, as requests do, until cancelled."""
    number = 0
    while True:
        number += 1
        claims = m.TryClaims(1 + number % INSTANCES, 1)
        call = (wire.to_plain(claims), "", wire.to_plain(m.Set(f"written-{number % 100}", VALUE)))
        started = time.perf_counter()
        reply: Any = await engine.answer(call)
        taken_ms.append((time.perf_counter() - started) * 1000)
        if reply["kind"] == "Refusal":
            raise SystemExit(f"refused: {reply}")
        await asyncio.sleep(_PAUSE_SECONDS)


# --- the raw deletion ------------------------------------------------------------------------------------


def _raw(deletions: Iterator[int]) -> float:
    started = time.perf_counter()
    while next(deletions) == _RAW_ROWS:
        pass
    seconds = time.perf_counter() - started
    deletions.close()  # type: ignore[attr-defined]  # of a generator
    return seconds


def _raw_sqlite(path: Path) -> Iterator[int]:
    connection = apsw.Connection(str(path))
    connection.pragma("synchronous", "full")
    try:
        while True:
            connection.execute(
                "DELETE FROM task_entries WHERE rowid IN (SELECT rowid FROM task_entries"
                " WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)",
                (time.time_ns() // 1_000, _RAW_ROWS),
            )
            yield connection.changes()
    finally:
        connection.close()


def _raw_postgresql(conninfo: str) -> Iterator[int]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while True:
            deleted = connection.execute(
                "DELETE FROM task_entries WHERE ctid = ANY (ARRAY (SELECT ctid FROM task_entries"
                " WHERE expires_at <= %s ORDER BY expires_at LIMIT %s))",
                (time.time_ns() // 1_000, _RAW_ROWS),
            )
            yield deleted.rowcount
