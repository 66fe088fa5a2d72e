"""What PostgreSQL's storage parameters do to a table that is written to: HOT updates, growth, vacuum."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg

from benchmarks.durable_postgresql import SETTINGS
from benchmarks.grown_rows import Grown
from benchmarks.grown_store import fill_postgresql
from benchmarks.measurement import Measurement
from tests.postgresql.cluster import running_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEFAULT_ENTRIES = 1_000_000
_TOGETHER = 64
_FILL_FACTORS = (100, 90, 85, 70)


class _Writes(NamedTuple):
    """A table, how its rows are written over, and from where; `{n}` is a random number below 1."""

    name: str
    table: str
    update: str
    is_snapshot_held: bool = False


# Of each row that is written, the page is one that was filled with the rows beside it.
_ENTRY = (
    "UPDATE {table} e SET value = e.value, version = nextval('store_versions'),"
    " updated_at = e.updated_at + 1, expires_at = e.expires_at + {later}"
    " FROM (SELECT {instance} AS instance_id, 'key-' || {key} AS key FROM generate_series(1, {together})) q"
    " WHERE e.instance_id = q.instance_id AND e.key = q.key"
)
_HEARTBEAT = (
    "UPDATE {table} t SET lease_until = t.lease_until + 1 FROM (SELECT {instance} AS instance_id"
    " FROM generate_series(1, {together})) q WHERE t.instance_id = q.instance_id AND t.try_number = 1"
)
_RUNNING = "(1 + floor(random() * {running})::bigint) * {every}"
_ANY = "1 + floor(random() * {instances})::bigint"


def measure(
    entries: int = DEFAULT_ENTRIES, updates: int | None = None, fill_factors: Sequence[int] = _FILL_FACTORS
) -> list[Measurement]:
    """Write a tenth as many times as there are entries, to copies of the tables with other parameters."""
    grown = Grown(entries)
    rows = []
    # Whoever holds a snapshot must be the trial, and who vacuums, too.
    with running_cluster(*SETTINGS, "autovacuum=off") as cluster:
        conninfo = cluster.conninfo(cluster.make_database())
        fill_postgresql(conninfo, grown)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(
                "SET synchronous_commit = off; SET enable_seqscan = off; SET enable_hashjoin = off"
            )
            connection.execute("SET enable_mergejoin = off; SET maintenance_work_mem = '256MB'")
            for writes in _cases(grown):
                for fill_factor in fill_factors:
                    trial = _Trial(connection, conninfo, writes, fill_factor)
                    rows += trial.run(updates or entries // 10)
    return rows


def _cases(grown: Grown) -> Iterator[_Writes]:
    running = _RUNNING.format(running=len(grown.running()), every=grown.running_every)
    anywhere = _ANY.format(instances=grown.instances)
    plain = "floor(random() * 8)::int"
    words = {"together": _TOGETHER, "table": "{table}"}
    entries = "task_entries"
    of_running = _ENTRY.format(instance=running, key=plain, later=0, **words)
    yield _Writes("entries of running tries", entries, of_running)
    yield _Writes(
        "the same with a retention",
        entries,
        _ENTRY.format(instance=running, key="8", later=60_000_000, **words),
    )
    yield _Writes("entries anywhere", entries, _ENTRY.format(instance=anywhere, key=plain, later=0, **words))
    yield _Writes("entries of running tries, a snapshot held", entries, of_running, is_snapshot_held=True)
    yield _Writes("heartbeats", "tries", _HEARTBEAT.format(instance=running, **words))


class _Trial:
    """A copy of a table with a fill factor, written over, measured and dropped."""

    def __init__(
        self, connection: psycopg.Connection[Any], conninfo: str, writes: _Writes, fill_factor: int
    ) -> None:
        self._connection = connection
        self._conninfo = conninfo
        self._writes = writes
        self._fill_factor = fill_factor
        self._rows: list[Measurement] = []

    def run(self, updates: int) -> list[Measurement]:
        """Return what was measured."""
        self._copy()
        before = self._sizes()
        rows = self._number("SELECT count(*) FROM trial")
        self._add("table and indexes, a row", "B", sum(before) / rows)
        seconds = self._write(updates)
        after = self._sizes()
        self._add("updates", "1/s", updates / seconds, more_is_better=True)
        self._add("updates that were HOT", "%", self._hot_share(), more_is_better=True)
        self._add("table has grown by", "%", 100 * (after[0] / before[0] - 1))
        self._add("indexes have grown by", "%", 100 * (after[1] / before[1] - 1))
        started = time.perf_counter()
        self._execute("VACUUM trial")
        self._add("vacuum", "s", time.perf_counter() - started)
        self._execute("DROP TABLE trial")
        return self._rows

    def _copy(self) -> None:
        table = self._writes.table
        self._execute(
            f"CREATE TABLE trial (LIKE {table} INCLUDING ALL) WITH (fillfactor = {self._fill_factor})"
        )
        self._execute(f"INSERT INTO trial SELECT * FROM {table} ORDER BY instance_id")
        self._execute("VACUUM ANALYZE trial")
        self._execute("CHECKPOINT")

    def _write(self, updates: int) -> float:
        """Write so many rows, 64 to a transaction, and return how long it took."""
        update = self._writes.update.format(table="trial")
        with psycopg.connect(self._conninfo) as reader:
            if self._writes.is_snapshot_held:
                reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM store")
            started = time.perf_counter()
            self._execute(
                f"DO $$ BEGIN FOR i IN 1..{updates // _TOGETHER} LOOP {update}; COMMIT; END LOOP; END $$"
            )
            return time.perf_counter() - started

    def _sizes(self) -> tuple[int, int]:
        [row] = self._connection.execute(
            "SELECT pg_relation_size('trial'), pg_indexes_size('trial')"
        ).fetchall()
        return int(row[0]), int(row[1])

    def _hot_share(self) -> float:
        self._execute("SELECT pg_stat_force_next_flush()")
        return self._number(
            "SELECT 100.0 * n_tup_hot_upd / greatest(n_tup_upd, 1) FROM pg_stat_user_tables"
            " WHERE relname = 'trial'"
        )

    def _number(self, sql: str) -> float:
        [[number]] = self._connection.execute(sql.encode()).fetchall()
        return float(number)

    def _execute(self, sql: str) -> None:
        self._connection.execute(sql.encode())

    def _add(self, what: str, unit: str, figure: float, *, more_is_better: bool = False) -> None:
        name = f"{self._writes.name}, fill factor {self._fill_factor}: {what}"
        self._rows.append(Measurement(name, unit, [figure], more_is_better=more_is_better))
