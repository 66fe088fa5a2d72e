"""A database is migrated while it is used: nobody waits long, and one that is killed leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.errors import StoreUnusableError, UnavailableError
from statekeep_core.metastore.migrate import Migration
from statekeep_core.policy import Policy
from statekeep_core.postgres import connection as connection_module
from statekeep_core.postgres.connection import place_of
from statekeep_core.postgres.migrate import check, migrate, migrations
from statekeep_core.postgres.schema import Schema
from statekeep_core.postgres.steps import apply_steps, servers_can_go_on
from statekeep_core.postgres.store import PostgresStore

from core.tests.conftest import Client

pytestmark = pytest.mark.slow

NEWEST = migrations()[-1].number
BESIDE_SERVERS = f"-- compatible from: {NEWEST}\n"
A_COLUMN = "ALTER TABLE task_entries ADD COLUMN added integer NOT NULL DEFAULT 0;"
CHANGES = (
    A_COLUMN,
    "ALTER TABLE tries ADD COLUMN added text",
    "CREATE INDEX added_index ON task_entries (added); UPDATE task_entries SET added = 1",
    "ALTER TABLE task_entries ALTER COLUMN added TYPE bigint",
)
_LIMIT_SECONDS = 60.0

MIGRATING = """
import sys
from pathlib import Path
from statekeep_core.metastore.migrate import Migration
from statekeep_core.postgres.migrate import migrate, migrations
known = migrations()
migrate(sys.argv[1], [*known, Migration(known[-1].number + 1, Path(sys.argv[2]))])
"""


@pytest.fixture
def database(new_database: str) -> str:
    """A store of this release in a database of its own."""
    migrate(new_database)
    return new_database


@pytest.fixture
def client(database: str) -> Iterator[Client]:
    store = PostgresStore(database, Policy(), None, connections=4)
    yield Client(store)
    store.close()


@pytest.fixture
def one_more(tmp_path: Path) -> Callable[..., list[Migration]]:
    """Make steps that this release does not have, and return them after those that it has."""

    def made(*texts: str) -> list[Migration]:
        steps = []
        for number, text in enumerate(texts, NEWEST + 1):
            path = tmp_path / f"{number:04}_added.sql"
            path.write_text(text)
            steps.append(Migration(number, path))
        return [*migrations(), *steps]

    return made


class Notices:
    """What a migration waited for, and how often it did."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._count = threading.Semaphore(0)

    def __call__(self, why: str) -> None:
        self.said.append(why)
        self._count.release()

    def until(self, times: int) -> None:
        for _ in range(times):
            assert self._count.acquire(timeout=_LIMIT_SECONDS), "it waited for nothing"


@contextmanager
def reading(database: str) -> Iterator[None]:
    """Hold a table as a dump does, in a transaction that ends with the block."""
    with psycopg.connect(database, application_name="a dump") as reader:
        reader.execute("SELECT count(*) FROM task_entries")
        yield
        reader.rollback()


def briefly(_seconds: float) -> None:
    threading.Event().wait(0.05)


def begun(
    background: ThreadPoolExecutor, database: str, known: list[Migration], notices: Notices
) -> Future[Schema]:
    return background.submit(
        apply_steps,
        database,
        known,
        place_of(database),
        patience_seconds=3_600,
        say=notices,
        pause=briefly,
    )


def rows(url: str, sql: str, *parameters: Any) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql.encode(), parameters).fetchall()


def until(is_so: Callable[[], bool]) -> None:
    for _ in range(int(_LIMIT_SECONDS / 0.02)):
        if is_so():
            return
        threading.Event().wait(0.02)  # leaves the processor to whom this waits for
    raise AssertionError("it never came")


def test_requests_go_on_while_a_step_waits_for_a_long_transaction(
    database: str, client: Client, one_more: Callable[..., list[Migration]]
) -> None:
    known, notices = one_more(BESIDE_SERVERS + A_COLUMN), Notices()
    claims = client.start()
    with ThreadPoolExecutor(1) as background:
        with reading(database):
            migrating = begun(background, database, known, notices)
            for number in range(3):
                notices.until(1)
                client.ask(claims, m.Set("k", b"%d" % number))
                assert client.ask(claims, m.Increment("n", b"1")).value == b"%d" % (number + 1)
            assert check(database, known).version == NEWEST
        migrating.result(_LIMIT_SECONDS)
    assert "(a dump)" in notices.said[0]
    assert check(database, known).version == NEWEST + 1
    assert client.ask(claims, m.Get("k")).value == b"2"


def test_a_migration_that_waits_in_vain_says_for_whom_and_leaves_what_was_there(
    database: str, one_more: Callable[..., list[Migration]]
) -> None:
    known = one_more(BESIDE_SERVERS + "CREATE TABLE mine (x int);" + A_COLUMN)
    with reading(database), pytest.raises(UnavailableError, match=r"in use; .* \(a dump\), since 2"):
        migrate(database, known, patience_seconds=0)
    assert check(database, known).version == NEWEST
    assert rows(database, "SELECT to_regclass('mine')") == [(None,)]


def test_writers_lose_nothing_while_their_table_changes(
    database: str, client: Client, one_more: Callable[..., list[Migration]]
) -> None:
    """Each asks again when it is told to; no other refusal comes, and nothing acknowledged is lost."""
    known = one_more(*(BESIDE_SERVERS + text for text in CHANGES))
    tasks = [m.TaskAddress("d", "r", f"t{number}") for number in range(3)]
    under_way, is_migrated = threading.Barrier(4, timeout=_LIMIT_SECONDS), threading.Event()

    def asked(claims: m.TryClaims, request: Any, request_id: str) -> Any:
        while True:
            try:
                return client.ask(claims, request, request_id)
            except UnavailableError:
                continue

    def count(task: m.TaskAddress) -> tuple[int, int]:
        claims, number = client.start(task), 0
        while not is_migrated.is_set() or number < 20:
            asked(claims, m.Increment("n", b"1"), f"request {number}")
            asked(claims, m.Set("k", b"%d" % number), "")
            number += 1
            if number == 10:
                under_way.wait()
        return number, int(client.ask(claims, m.Get("n")).value)

    with ThreadPoolExecutor(3) as writers:
        counting = [writers.submit(count, task) for task in tasks]
        under_way.wait()
        try:
            apply_steps(database, known, place_of(database), patience_seconds=3_600, pause=briefly)
        finally:
            is_migrated.set()
        for each in counting:
            counted, stands = each.result()
            assert counted == stands
    assert check(database, known).version == NEWEST + len(CHANGES)


def test_a_step_that_servers_cannot_go_on_with_waits_until_they_are_stopped(
    database: str, client: Client, one_more: Callable[..., list[Migration]]
) -> None:
    known, notices = one_more(A_COLUMN), Notices()
    claims = client.start()
    with pytest.raises(UnavailableError, match=r"1 connections to it; stop them"):
        migrate(database, known, patience_seconds=0)
    assert client.ask(claims, m.Set("k", b"1")).version
    with ThreadPoolExecutor(1) as background:
        migrating = begun(background, database, known, notices)
        notices.until(1)
        client.store.close()
        migrating.result(_LIMIT_SECONDS)
    assert check(database, known).version == NEWEST + 1


def test_a_server_that_was_cut_off_while_the_store_was_migrated_beyond_it_refuses(
    database: str, client: Client, one_more: Callable[..., list[Migration]]
) -> None:
    claims = client.start()
    terminate = (
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = 'statekeep'"
    )
    assert rows(database, terminate + " AND datname = current_database()") == [(True,)]
    migrate(database, one_more(A_COLUMN))
    with pytest.raises(UnavailableError):
        client.ask(claims, m.Set("k", b"1"))  # on the connection that is gone
    for _ in range(2):  # and no connection that was refused is used after all
        with pytest.raises(StoreUnusableError, match=rf"version {NEWEST + 1}, .* up to {NEWEST}"):
            client.ask(claims, m.Set("k", b"1"))


def test_it_is_known_beforehand_whether_servers_can_go_on(
    database: str, one_more: Callable[..., list[Migration]]
) -> None:
    with_servers, mixed = (
        one_more(BESIDE_SERVERS + "SELECT 1"),
        one_more(BESIDE_SERVERS + "SELECT 1", "SELECT 1"),
    )
    assert servers_can_go_on(check(database, with_servers), with_servers)
    assert not servers_can_go_on(check(database, mixed), mixed)


def test_a_later_step_does_not_let_in_whom_an_earlier_one_kept_out(
    database: str, one_more: Callable[..., list[Migration]]
) -> None:
    known = one_more("SELECT 1", f"-- compatible from: {NEWEST}\nSELECT 1")
    migrate(database, known)
    assert check(database).compatible_from == NEWEST + 1


def test_one_that_is_killed_in_a_step_leaves_the_schema_before_it_and_holds_up_nobody(
    database: str, client: Client, one_more: Callable[..., list[Migration]]
) -> None:
    [*_, (_, path)] = known = one_more(BESIDE_SERVERS + A_COLUMN + "SELECT pg_sleep(3600)")
    killed = subprocess.Popen([sys.executable, "-c", MIGRATING, database, str(path)], env=os.environ)
    asleep = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    until(lambda: bool(rows(database, asleep)))
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    path.write_text(BESIDE_SERVERS + A_COLUMN)
    migrate(database, known, patience_seconds=_LIMIT_SECONDS)
    assert check(database, known).version == NEWEST + 1
    assert rows(database, asleep) == []
    assert client.ask(client.start(), m.Set("k", b"1")).version


def test_a_step_that_takes_longer_than_any_request_may_is_waited_for(
    database: str, one_more: Callable[..., list[Migration]], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = one_more("SELECT pg_sleep(0.5)")
    # With this every wait for the database is too long, but for those of a connection without a limit.
    monkeypatch.setattr(connection_module, "SILENCE_SECONDS", 1e-6)
    assert apply_steps(database, known, place_of(database)).version == NEWEST + 1


def test_whoever_finds_another_at_it_waits_and_finds_it_done(
    database: str, one_more: Callable[..., list[Migration]]
) -> None:
    known, first, second = one_more(BESIDE_SERVERS + A_COLUMN), Notices(), Notices()
    with ThreadPoolExecutor(2) as background:
        with reading(database):
            both = [begun(background, database, known, notices) for notices in (first, second)]
            first.until(1)
            second.until(1)
        for each in both:
            assert each.result(_LIMIT_SECONDS).version == NEWEST + 1
