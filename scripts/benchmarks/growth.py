"""What a group of 64 costs PostgreSQL as a store grows, beside the least statement on the same rows."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from statekeep_core.postgres import hot_statements
from statekeep_core.postgres.connection import connect

from benchmarks.durable_postgresql import SETTINGS
from benchmarks.grown_requests import TOGETHER
from benchmarks.grown_rows import PLAIN_KEYS, VALUE, Grown
from benchmarks.grown_store import fill_postgresql
from benchmarks.measurement import Measurement
from tests.postgresql.cluster import running_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psycopg
    from statekeep_core.metastore.transaction import Row

DEFAULT_ENTRIES = (10_000, 1_000_000)
_FLAT_WITHIN = 1.5
_GROUPS = 40
_NEWEST = 20_000
_EVERY_SENDING = 2**63 - 1

_RAW_GET = (
    "SELECT e.key, e.value, e.version FROM unnest(%s::bigint[], %s::text[]) AS q(instance_id, key)"
    " JOIN task_entries e USING (instance_id, key)"
)
_RAW_SET = (
    "UPDATE task_entries e SET value = q.value, version = e.version + 1"
    " FROM unnest(%s::bigint[], %s::text[], %s::bytea[]) AS q(instance_id, key, value)"
    " WHERE e.instance_id = q.instance_id AND e.key = q.key"
)

Pairs = list[tuple[int, str]]


def _get(pairs: Pairs) -> tuple[str, tuple[Any, ...]]:
    ids, keys = zip(*pairs, strict=True)
    return hot_statements.GET.many, (list(ids), [1] * len(ids), list(keys), None)


def _raw_get(pairs: Pairs) -> tuple[str, tuple[Any, ...]]:
    ids, keys = zip(*pairs, strict=True)
    return _RAW_GET, (list(ids), list(keys))


def _set(pairs: Pairs) -> tuple[str, tuple[Any, ...]]:
    ids, keys = zip(*pairs, strict=True)
    length = len(ids)
    content = (list(keys), [VALUE] * length, [1] * length, [None] * length)
    return hot_statements.SET.many, (list(ids), [1] * length, *content, [_EVERY_SENDING] * length, None)


def _raw_set(pairs: Pairs) -> tuple[str, tuple[Any, ...]]:
    ids, keys = zip(*pairs, strict=True)
    return _RAW_SET, (list(ids), list(keys), [VALUE] * len(ids))


_ASKED: dict[str, Callable[[Pairs], tuple[str, tuple[Any, ...]]]] = {
    "get": _get,
    "raw join by key": _raw_get,
    "set": _set,
    "raw update by key": _raw_set,
}


class _Store(NamedTuple):
    """A store of a size, and the connection whose process is timed."""

    grown: Grown
    connection: psycopg.Connection[Row]
    process: int

    def cpu_us(self, asked: tuple[str, tuple[Any, ...]]) -> float:
        """Return the processor time that PostgreSQL took for one request of a group."""
        before = self._cpu_us()
        self.connection.execute(*asked, prepare=True, binary=True)
        return (self._cpu_us() - before) / TOGETHER

    def _cpu_us(self) -> float:
        return int(Path(f"/proc/{self.process}/schedstat").read_text().split()[0]) / 1_000

    def newest(self) -> range:
        """Return the ids of the instances that were made last."""
        return range(max(0, self.grown.instances - _NEWEST) + 1, self.grown.instances + 1)


def measure(entries: Sequence[int] = DEFAULT_ENTRIES) -> list[Measurement]:
    """Ask for rows all over each store, then of the newest instances: for the first time, and again."""
    rows: list[Measurement] = []
    with running_cluster(*SETTINGS) as cluster:
        stores = []
        for size in sorted(entries):
            conninfo = cluster.conninfo(cluster.make_database())
            fill_postgresql(conninfo, Grown(size))
            connection = connect(conninfo)
            stores.append(_Store(Grown(size), connection, connection.info.backend_pid))
        rows += _rows("scattered", [(store, store.grown.running()) for store in stores])
        for store in stores:
            sql = f"UPDATE tries SET status = 'running' WHERE instance_id >= {store.newest()[0]}"
            store.connection.execute(sql.encode())
        rows += _rows("newest", [(store, store.newest()) for store in stores])
        for store in stores:
            store.connection.close()
    return rows


def _rows(where: str, asked: Sequence[tuple[_Store, range]]) -> list[Measurement]:
    rows = []
    for what, statement in _ASKED.items():
        figures = {store.grown.entries: _passes(store, ids, statement) for store, ids in asked}
        smallest = min(figures)
        for number, when in enumerate(("first", "again")):
            flat = sorted(figures[smallest][number])[_GROUPS // 2] * _FLAT_WITHIN
            rows += [
                Measurement(
                    f"{where}, {when}: {what} of {size:,}",
                    "us",
                    passes[number],
                    None if size == smallest else flat,
                )
                for size, passes in figures.items()
            ]
    return rows


def _passes(
    store: _Store, ids: range, statement: Callable[[Pairs], tuple[str, tuple[Any, ...]]]
) -> tuple[list[float], list[float]]:
    """Ask for the same groups twice."""
    pairs = random.sample([(each, key) for each in ids for key in PLAIN_KEYS], TOGETHER * (_GROUPS + 2))
    groups = [statement(pairs[at : at + TOGETHER]) for at in range(0, len(pairs), TOGETHER)]
    for group in groups[_GROUPS:]:
        store.cpu_us(group)  # so that the statement is prepared
    first = [store.cpu_us(group) for group in groups[:_GROUPS]]
    return first, [store.cpu_us(group) for group in groups[:_GROUPS]]
