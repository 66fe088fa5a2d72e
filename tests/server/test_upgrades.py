"""A store is migrated under its servers, and servers change over it; who uses them notices nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from server_process import ServerProcess, server_process
from statekeep_core.metastore.migrate import Migration
from statekeep_core.postgres.migrate import check, migrate, migrations

from tests.postgresql.cluster import Cluster
from tests.server.counters import CLIENTS, Counters

pytestmark = pytest.mark.slow

NEWEST = migrations()[-1].number
CHANGES = (
    "ALTER TABLE task_entries ADD COLUMN added integer NOT NULL DEFAULT 0",
    "ALTER TABLE tries ADD COLUMN added text",
    "CREATE INDEX added_index ON task_entries (added); UPDATE task_entries SET added = 1",
    "ALTER TABLE request_log ADD COLUMN added text; CREATE TABLE added (x int)",
)
_LIMIT_SECONDS = 60.0
_MIGRATING = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'statekeep db'"
)


@pytest.fixture(scope="module")
def engine() -> str:
    """A file has one server."""
    return "postgresql"


def of_the_next_release(folder: Path) -> list[Migration]:
    """Return the steps of a release after this one, whose servers and this one's work side by side."""
    steps = []
    for number, text in enumerate(CHANGES, NEWEST + 1):
        path = folder / f"{number:04}_added.sql"
        path.write_text(f"-- compatible from: {NEWEST}\n{text}")
        steps.append(Migration(number, path))
    return [*migrations(), *steps]


def until(is_so: Callable[[], bool]) -> None:
    for _ in range(int(_LIMIT_SECONDS / 0.02)):
        if is_so():
            return
        threading.Event().wait(0.02)  # leaves the processor to whom this waits for
    raise AssertionError("it never came")


def test_a_store_is_migrated_under_load_and_the_older_servers_go_on_with_it(
    server: ServerProcess, database_url: str, tmp_path: Path
) -> None:
    known = of_the_next_release(tmp_path)
    with server_process(tmp_path / "other", beside=server) as other, ThreadPoolExecutor(1) as background:
        counters = Counters(server, other)
        counting = background.submit(counters.count, 60, 10)
        for _ in range(CLIENTS):
            counters.are_under_way.acquire(timeout=_LIMIT_SECONDS)
        assert migrate(database_url, known, patience_seconds=3_600).version == NEWEST
        for restarted in (server, other):
            for _ in range(CLIENTS):
                counters.are_under_way.acquire(timeout=_LIMIT_SECONDS)
            restarted.kill()
            restarted.start()  # a release that does not know the new schema opens it
        assert counting.result() == [60] * CLIENTS
        counters.close()
    assert check(database_url, known).version == NEWEST + len(CHANGES)


def test_a_newer_server_waits_for_an_older_schema_and_listens_when_it_has_migrated_it(
    postgres_cluster: Cluster, tmp_path: Path
) -> None:
    url = postgres_cluster.url(postgres_cluster.make_database())
    migrate(url, migrations()[:-1])
    with ThreadPoolExecutor(1) as background, psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE store IN SHARE MODE")
        starting = background.submit(ServerProcess, tmp_path, url=url)
        with psycopg.connect(url, autocommit=True) as watcher:
            until(lambda: watcher.execute(_MIGRATING).fetchone() is not None)
        assert not starting.done()
        assert check(url).version == NEWEST - 1
        holder.rollback()
        server = starting.result()
    assert check(url).version == NEWEST
    counters = Counters(server)
    assert counters.count(3, 1) == [3] * CLIENTS
    counters.close()
    server.close()
