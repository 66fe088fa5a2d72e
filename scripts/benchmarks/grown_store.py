"""Fills a store of either engine with the rows of one that has grown, much faster than requests would."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import apsw
import psycopg
from statekeep_core import embedded
from statekeep_core.postgres.migrate import migrate

from benchmarks.grown_rows import DAY_US, KEYS_PER_INSTANCE, VALUE, Grown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_WRITER = "'try:00000000-0000-5000-8000-000000000000:1'"
_DIGEST = "CAST('00000000000000000000000000000000' AS {blob})"
_INSTANCE_COLUMNS = (
    "instance_id, ti_id, dag_id, run_id, task_id, map_index, current_try, last_active_at, succeeded_at"
)
# One statement a table, in SQL that both engines read; numbers(n) counts from 0.
_FILLS = (
    (
        "INSERT INTO tries (instance_id, try_number, status, supervisor, started_at, finished_at,"
        " finish_reply, lease_boot_id, lease_until) SELECT instance_id, 1,"
        " CASE WHEN succeeded_at IS NULL THEN 'running' ELSE 'succeeded' END, 'host:1', last_active_at,"
        " succeeded_at, CASE WHEN succeeded_at IS NULL THEN NULL ELSE '{{}}' END, '{boot_id}', 0"
        " FROM task_instances ORDER BY instance_id"
    ),
    (
        "INSERT INTO task_entries (instance_id, key, value, version, updated_at, keeps_default, expires_at,"
        f" writer_try_number, writer_principal) SELECT n / {KEYS_PER_INSTANCE} + 1,"
        f" 'key-' || (n % {KEYS_PER_INSTANCE}), {{value}}, n + 1, {{now}},"
        f" CASE WHEN n % {KEYS_PER_INSTANCE} < 8 THEN 1 ELSE 0 END,"
        f" CASE n % {KEYS_PER_INSTANCE} WHEN 8 THEN {{now}} + {DAY_US} + n WHEN 9 THEN {{now}} - {DAY_US} + n"
        f" END, 1, {_WRITER} FROM {{entries}}"
    ),
    (
        "INSERT INTO external_objects (backend_id, storage_key, reference, origin, size_bytes, digest,"
        " records)"
        f" SELECT 'bench', 'key~' || n, 'reference-' || n, '[]', 1000, {_DIGEST}, 1 FROM {{assets}}"
    ),
    "INSERT INTO assets (name, created_at) SELECT 'grown-' || n, {now} FROM {assets}",
    (
        "INSERT INTO asset_entries (asset_id, key, value, version, updated_at, writer_principal)"
        " SELECT n / 10 + 1, 'key-' || (n % 10), {value}, n + 1, {now}, 'operator:bench' FROM {requests}"
    ),
    (
        "INSERT INTO asset_history (asset_id, key, version, change, value, changed_at, writer_principal)"
        " SELECT n / 10 + 1, 'key-' || (n % 10), n + 1, 'set', {value}, {now}, 'operator:bench'"
        " FROM {requests}"
    ),
    (
        "INSERT INTO request_log SELECT 'try:' || (n + 1) || ':1',"
        f" CAST(n * 2654435761 % 4294967296 AS text) || '-' || n, {_DIGEST}, '{{{{}}}}',"
        f" {{now}} - {2 * DAY_US} + n, n + 1, 1"
        " FROM {requests}"
    ),
)


class _Dialect(NamedTuple):
    """What the two engines do not say alike."""

    blob: str
    numbers: str
    boot_id: str


_SQLITE = _Dialect(
    "BLOB",
    "(WITH RECURSIVE counting(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counting WHERE n < {0} - 1)"
    " SELECT n FROM counting) AS numbers",
    "bench",
)
_POSTGRESQL = _Dialect("bytea", "generate_series(0::bigint, {0} - 1) AS numbers(n)", "database")


def _fill(execute: Callable[[str], object], dialect: _Dialect, grown: Grown) -> None:
    sizes = {"entries": grown.entries, "assets": grown.assets, "requests": grown.requests}
    words = {
        "now": str(time.time_ns() // 1_000),
        "value": f"CAST('{VALUE.decode()}' AS {dialect.blob})",
        "blob": dialect.blob,
        "boot_id": dialect.boot_id,
        **{name: dialect.numbers.format(size) for name, size in sizes.items()},
    }
    for sql in _FILLS:
        execute(sql.format(**words))


def fill_sqlite(path: Path, grown: Grown) -> None:
    """Make a store in the file and fill it."""
    embedded.open_store(path).close()
    connection = apsw.Connection(str(path))
    try:
        connection.execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -500000; BEGIN")
        running = set(grown.running())
        now = time.time_ns() // 1_000
        connection.executemany(
            f"INSERT INTO task_instances ({_INSTANCE_COLUMNS}) VALUES (?, ?, ?, ?, ?, -1, 1, ?, ?)",
            ((*row, now, None if row[0] in running else now - 3 * DAY_US) for row in grown.instance_rows()),
        )
        _fill(connection.execute, _SQLITE, grown)
        connection.execute(
            f"UPDATE store SET last_version = {grown.entries}, swept_at = {now}; COMMIT;"
            " PRAGMA wal_checkpoint(TRUNCATE)"
        )
    finally:
        connection.close()


def fill_postgresql(conninfo: str, grown: Grown, *, analyzes: bool = True) -> None:
    """Make a store in the empty database and fill it; without ``analyzes``, as autovacuum finds it."""
    migrate(conninfo)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'")
        _copy_instances(connection, grown)
        _fill(lambda sql: connection.execute(sql.encode()), _POSTGRESQL, grown)
        now = time.time_ns() // 1_000
        connection.execute(f"UPDATE store SET swept_at = {now}".encode())
        connection.execute(f"SELECT setval('store_versions', {grown.entries + 1})".encode())
        for table, column in (("task_instances", "instance_id"),):
            sequence = f"pg_get_serial_sequence('{table}', '{column}')"
            connection.execute(f"SELECT setval({sequence}, (SELECT max({column}) FROM {table}))".encode())
        if analyzes:
            connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def _copy_instances(connection: psycopg.Connection[tuple[object, ...]], grown: Grown) -> None:
    running = set(grown.running())
    now = time.time_ns() // 1_000
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY task_instances ({_INSTANCE_COLUMNS}) FROM STDIN".encode()) as copy,
    ):
        for row in grown.instance_rows():
            copy.write_row((*row, -1, 1, now, None if row[0] in running else now - 3 * DAY_US))
