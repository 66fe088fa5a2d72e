"""A database is brought to this release's schema once, however many servers start; no other is touched."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest
from statekeep_core._shared.state.errors import StoreUnusableError
from statekeep_core.metastore.migrate import Migration
from statekeep_core.metastore.migrate import migrate as migrate_sqlite
from statekeep_core.metastore.migrate import migrations as sqlite_migrations
from statekeep_core.postgres.migrate import check, migrate, migrations
from statekeep_core.postgres.store import open_store

NEWEST = migrations()[-1].number


def rows(url: str, sql: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def one_more(folder: Path, sql: str) -> list[Migration]:
    path = folder / "step.sql"
    path.write_text(sql)
    return [*migrations(), Migration(NEWEST + 1, path)]


def test_a_new_database_gets_every_step_and_an_identity(new_database: str) -> None:
    assert check(new_database).version == 0
    assert migrate(new_database).version == 0
    schema = check(new_database)
    assert (schema.version, schema.is_current) == (NEWEST, True)
    assert re.fullmatch("[0-9a-f]{32}", rows(new_database, "SELECT store_id FROM store")[0][0])


def test_the_steps_are_numbered_without_gaps() -> None:
    assert [step.number for step in migrations()] == list(range(1, NEWEST + 1))


def test_servers_that_start_at_once_make_one_store(new_database: str) -> None:
    def start(_: int) -> str:
        store = open_store(new_database, connections=1)
        identity: str = store.transact(lambda work: work.tx.store_id())
        store.close()
        return identity

    with ThreadPoolExecutor(6) as threads:
        assert len(set(threads.map(start, range(6)))) == 1


def test_only_the_missing_steps_run_and_the_identity_stays(new_database: str, tmp_path: Path) -> None:
    migrate(new_database)
    identity = rows(new_database, "SELECT store_id FROM store")
    known = one_more(tmp_path, "CREATE TABLE added (x int)")
    assert not check(new_database, known).is_current
    migrate(new_database, known)
    assert check(new_database, known).version == NEWEST + 1
    assert rows(new_database, "SELECT store_id FROM store") == identity


def test_a_step_that_fails_leaves_the_old_schema(new_database: str, tmp_path: Path) -> None:
    migrate(new_database)
    known = one_more(tmp_path, "CREATE TABLE added (x int); CREATE TABLE store (y int)")
    with pytest.raises(Exception, match="DuplicateTable"):
        migrate(new_database, known)
    assert check(new_database).version == NEWEST
    assert rows(new_database, "SELECT to_regclass('added')") == [(None,)]


def test_an_old_server_works_on_a_newer_schema_that_says_so(new_database: str, tmp_path: Path) -> None:
    migrate(new_database, one_more(tmp_path, f"-- compatible from: {NEWEST}\nCREATE TABLE added (x int)"))
    open_store(new_database, connections=1).close()
    assert check(new_database).version == NEWEST + 1


def test_a_newer_schema_that_does_not_is_refused_with_the_release_to_install(
    new_database: str, tmp_path: Path
) -> None:
    migrate(new_database, one_more(tmp_path, "-- since: 7.4.0\nCREATE TABLE added (x int)"))
    for migrates in (True, False):
        with pytest.raises(StoreUnusableError, match=r"install statekeep-core 7\.4\.0 or newer"):
            open_store(new_database, migrates=migrates)


def test_an_older_schema_is_refused_where_nobody_is_to_migrate(new_database: str) -> None:
    with pytest.raises(StoreUnusableError, match="statekeep db migrate"):
        open_store(new_database, migrates=False)
    assert check(new_database).version == 0


def test_another_programs_database_is_refused_and_untouched(new_database: str) -> None:
    rows(new_database, "CREATE TABLE theirs (x int)")
    with pytest.raises(StoreUnusableError, match="another program"):
        migrate(new_database)
    assert rows(new_database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("theirs",)]


def test_a_password_is_in_no_message() -> None:
    with pytest.raises(Exception, match="nowhere") as refusal:
        open_store("postgresql://ann:hunter2@127.0.0.1:1/nowhere")
    assert "hunter2" not in str(refusal.value)


def test_both_engines_have_the_same_tables_and_columns(shared_database: str) -> None:
    connection = apsw.Connection(":memory:")
    migrate_sqlite(connection, sqlite_migrations())
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    on_sqlite = {
        (table, column[1])
        for table in tables
        if not table.startswith("sqlite_")
        for column in connection.execute(f"PRAGMA table_info({table})")
    }
    on_postgresql = set(
        rows(
            shared_database,
            "SELECT table_name::text, column_name::text FROM information_schema.columns"
            " WHERE table_schema = current_schema()",
        )
    )
    only_there = {("store", "schema_version"), ("store", "compatible_from")}
    assert on_postgresql - only_there == on_sqlite - {("store", "last_version")}
