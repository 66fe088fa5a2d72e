"""What autovacuum does beside updates that change an index: by PostgreSQL's defaults, and by our settings."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg

from benchmarks.durable_postgresql import SETTINGS
from benchmarks.grown_rows import Grown
from benchmarks.grown_store import fill_postgresql
from benchmarks.measurement import Measurement
from tests.postgresql.cluster import running_cluster

if TYPE_CHECKING:
    from tests.postgresql.cluster import Cluster

DEFAULT_ENTRIES = 2_000_000
_TOGETHER = 64
_ROUNDS = 20
_NAP_SECONDS = 5
_OURS = ("autovacuum_vacuum_scale_factor", "autovacuum_vacuum_insert_scale_factor")


def measure(entries: int = DEFAULT_ENTRIES, updates: int = 1_000_000) -> list[Measurement]:
    """Fill a table, write entries that have a retention over and over, and see what it has grown to."""
    grown = Grown(entries)
    rows = []
    with running_cluster(*SETTINGS, f"autovacuum_naptime={_NAP_SECONDS}s") as cluster:
        for name in ("defaults", "as set up"):
            conninfo = cluster.conninfo(cluster.make_database())
            fill_postgresql(conninfo, grown)
            with psycopg.connect(conninfo, autocommit=True) as connection:
                if name == "defaults":
                    connection.execute(f"ALTER TABLE task_entries RESET ({', '.join(_OURS)})".encode())
                rows += _rows(name, connection, grown, updates)
            _drop(cluster, conninfo)
    return rows


def _rows(name: str, connection: psycopg.Connection[Any], grown: Grown, updates: int) -> list[Measurement]:
    connection.execute("SET synchronous_commit = off; SET enable_seqscan = off; SET enable_hashjoin = off")
    connection.execute("SET enable_mergejoin = off")
    before = _sizes(connection)
    seconds = 0.0
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        connection.execute(_updating(grown, updates // _ROUNDS).encode())
        seconds += time.perf_counter() - started
        time.sleep(_NAP_SECONDS)  # so that autovacuum has its turns, whatever the machine's speed
    after = _sizes(connection)
    shown = f"{grown.entries:,} entries, {updates:,} updates with a retention, autovacuum {name}"
    return [
        Measurement(f"{shown}: updates", "1/s", [updates / seconds], more_is_better=True),
        Measurement(f"{shown}: autovacuums", "", [_vacuums(connection)]),
        Measurement(f"{shown}: table has grown by", "%", [100 * (after[0] / before[0] - 1)]),
        Measurement(f"{shown}: indexes have grown by", "%", [100 * (after[1] / before[1] - 1)]),
    ]


def _updating(grown: Grown, updates: int) -> str:
    instance = f"(1 + floor(random() * {len(grown.running())})::bigint) * {grown.running_every}"
    return (
        f"DO $$ BEGIN FOR i IN 1..{updates // _TOGETHER} LOOP"
        " UPDATE task_entries e SET expires_at = e.expires_at + 60000000"
        f" FROM (SELECT {instance} AS instance_id FROM generate_series(1, {_TOGETHER})) q"
        " WHERE e.instance_id = q.instance_id AND e.key = 'key-8'; COMMIT; END LOOP; END $$"
    )


def _sizes(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    [row] = connection.execute(
        "SELECT pg_relation_size('task_entries'), pg_indexes_size('task_entries')"
    ).fetchall()
    return int(row[0]), int(row[1])


def _vacuums(connection: psycopg.Connection[Any]) -> int:
    [(count,)] = connection.execute(
        "SELECT autovacuum_count FROM pg_stat_user_tables WHERE relname = 'task_entries'"
    ).fetchall()
    return int(count)


def _drop(cluster: Cluster, conninfo: str) -> None:
    database = psycopg.conninfo.conninfo_to_dict(conninfo)["dbname"]
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {database} WITH (FORCE)".encode())
