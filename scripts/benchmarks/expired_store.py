"""Fills a store of either engine with entries most of which have expired, not in the order of their keys."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import apsw
import psycopg
from statekeep_core import embedded
from statekeep_core.postgres.migrate import migrate

from benchmarks.grown_rows import DAY_US, VALUE

if TYPE_CHECKING:
    from pathlib import Path

INSTANCES = 2_000
# No factor of any number of entries, so that entries expire in an order scattered over the instances.
_SCATTER = 7_919

_NUMBERS = {
    "SQLite": (
        "(WITH RECURSIVE counting(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counting WHERE n < {0} - 1)"
        " SELECT n FROM counting) AS numbers"
    ),
    "PostgreSQL": "generate_series(0::bigint, {0} - 1) AS numbers(n)",
}


def _statements(engine: str, expired: int, live: int) -> list[str]:
    now = time.time_ns() // 1_000
    blob, boot_id = ("bytea", "database") if engine == "PostgreSQL" else ("BLOB", "bench")
    instances, entries = (_NUMBERS[engine].format(number) for number in (INSTANCES, expired + live))
    order = f"n * {_SCATTER} % {expired + live}"
    instance_rows = (
        "INSERT INTO task_instances (ti_id, dag_id, run_id, task_id, map_index, current_try, last_active_at)"
        f" SELECT 'ti-' || n, 'd', 'r', 't' || n, -1, 1, {now} FROM {instances} ORDER BY n"
    )
    try_rows = (
        "INSERT INTO tries (instance_id, try_number, status, supervisor, started_at, lease_boot_id,"
        f" lease_until) SELECT instance_id, 1, 'running', '', {now}, '{boot_id}', 0 FROM task_instances"
    )
    entry_rows = (
        "INSERT INTO task_entries (instance_id, key, value, version, updated_at, keeps_default, expires_at,"
        f" writer_try_number, writer_principal) SELECT n % {INSTANCES} + 1, 'key-' || (n / {INSTANCES}),"
        f" CAST('{VALUE.decode()}' AS {blob}), n + 1, {now}, 0,"
        f" CASE WHEN {order} < {expired} THEN {now} - {DAY_US} + {order} ELSE {now} + {DAY_US} + n END, 1,"
        f" 'try:00000000-0000-5000-8000-000000000000:1' FROM {entries} ORDER BY 1, n"
    )
    return [instance_rows, try_rows, entry_rows]


def fill_sqlite(path: Path, expired: int, live: int) -> None:
    """Make a store in the file and fill it; a sweep of it is due."""
    embedded.open_store(path).close()
    connection = apsw.Connection(str(path))
    try:
        connection.execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -500000; BEGIN")
        for sql in _statements("SQLite", expired, live):
            connection.execute(sql)
        connection.execute(
            f"UPDATE store SET last_version = {expired + live}, swept_at = 0; COMMIT;"
            " PRAGMA wal_checkpoint(TRUNCATE)"
        )
    finally:
        connection.close()


def fill_postgresql(conninfo: str, expired: int, live: int) -> None:
    """Make a store in the empty database and fill it; a sweep of it is due."""
    migrate(conninfo)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off; SET work_mem = '256MB'")
        for sql in _statements("PostgreSQL", expired, live):
            connection.execute(sql.encode())
        connection.execute(f"SELECT setval('store_versions', {expired + live + 1})".encode())
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")
