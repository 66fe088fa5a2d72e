"""How the tables are kept on PostgreSQL can be changed under load, and is what was measured."""

from __future__ import annotations

import psycopg
import pytest
from statekeep_core.postgres.connection import connect
from statekeep_core.postgres.migrate import check, migrate, migrations

_BEFORE_STORAGE = 5


_INSTANCE = (
    "INSERT INTO task_instances (ti_id, dag_id, run_id, task_id, map_index, current_try, last_active_at)"
    " VALUES ('ti', 'd', 'r', 't', -1, 1, 0)"
)
_ENTRIES = (
    "INSERT INTO task_entries (instance_id, key, value, version, updated_at, keeps_default, writer_principal)"
    " SELECT 1, 'key-' || n, repeat('x', 100)::bytea, n, 0, 1, 'p' FROM generate_series(1, 1000) AS given(n)"
)
_UPDATED = (
    "SELECT pg_stat_get_xact_tuples_updated('task_entries'::regclass),"
    " pg_stat_get_xact_tuples_hot_updated('task_entries'::regclass)"
)


def test_the_tables_are_set_up_while_their_rows_are_written(new_database: str) -> None:
    """The migration and a transaction that has written, and is not committed, do not wait for each other."""
    known = migrations()
    migrate(new_database, known[:_BEFORE_STORAGE])
    with psycopg.connect(new_database) as writer:
        writer.execute(_INSTANCE)
        writer.execute(_ENTRIES.encode())
        migrate(new_database, known)
        writer.execute("UPDATE task_entries SET value = '2'")
    assert check(new_database).version == known[-1].number


def test_an_entry_is_overwritten_without_a_change_to_any_index(postgres_store_url: str) -> None:
    with psycopg.connect(postgres_store_url, autocommit=True) as connection:
        connection.execute(_ENTRIES.encode())
        with connection.transaction():
            for _ in range(2):
                connection.execute(
                    "UPDATE task_entries SET value = value, updated_at = 1 WHERE version % 50 = 0"
                )
            [(updated, in_place)] = connection.execute(_UPDATED).fetchall()
    assert (updated, in_place) == (40, 40)


@pytest.mark.parametrize("field", ["name", "uri"])
def test_an_asset_out_of_use_is_found_by_its_name(postgres_store_url: str, field: str) -> None:
    """Whoever declares a new asset waits for nobody's past ones to be read through."""
    sql = (
        f"SELECT asset_id FROM assets WHERE {field} = $1 AND deactivated_at IS NOT NULL AND swept_at IS NULL"
        " ORDER BY deactivated_at DESC, asset_id DESC"
    )
    with connect(postgres_store_url) as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute(f"PREPARE found AS {sql}".encode())
        plan = connection.execute("EXPLAIN EXECUTE found('a')").fetchall()
    assert any(f"inactive_assets_by_{field}" in line for (line,) in plan)
