"""What a connection keeps over transactions that are undone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m
from statekeep_core.policy import Policy
from statekeep_core.postgres.connection import connect, undo
from statekeep_core.postgres.store import PostgresStore

from core.tests.conftest import Client


@pytest.fixture
def store(postgres_store_url: str) -> Iterator[PostgresStore]:
    store = PostgresStore(postgres_store_url, Policy(), None, connections=1)
    yield store
    store.close()


def prepared(store: PostgresStore) -> list[Any]:
    with store._pool.connection() as connection:
        names = "SELECT name, prepare_time FROM pg_prepared_statements"
        return connection.execute(names, prepare=False).fetchall()


@pytest.mark.parametrize(
    "refused",
    [m.Set("k", b"2", if_version=1), m.Increment("text", b"1"), m.Batch((m.Set("", b"1"),))],
    ids=repr,
)
def test_a_request_that_is_refused_leaves_what_is_prepared(
    live: Client, store: PostgresStore, refused: Any
) -> None:
    claims = live.start()
    live.ask(claims, m.Set("text", b'"a"'))
    live.ask(claims, m.Increment("n", b"1"), "one")
    before = prepared(store)
    assert before
    for _ in range(3):
        with pytest.raises(errors.StatekeepError):
            live.ask(claims, refused, "refused")
        live.ask(claims, m.Set("k", b"1"))
    assert set(before) <= set(prepared(store))


def test_a_finish_that_is_refused_leaves_what_is_prepared(live: Client, store: PostgresStore) -> None:
    claims = live.start(outlets=(m.AssetAddress("flights"),))
    live.ask(claims, m.Set("k", b"1", 1, if_absent=True), "staged")
    live.ask(claims, m.Set("n", b"1"))
    before = prepared(store)
    live.ask(m.OperatorClaims("ann"), m.Set("k", b"2", m.AssetAddress("flights")))
    with pytest.raises(errors.ConflictError):
        live.ask(claims, m.Finish(succeeded=True))
    live.ask(live.start(), m.Set("n", b"1"))
    assert before
    assert set(before) <= set(prepared(store))


def test_what_is_undone_is_gone(postgres_store_url: str) -> None:
    with connect(postgres_store_url) as connection:
        connection.execute("BEGIN; CREATE TEMPORARY TABLE numbers (number integer)")
        connection.execute("SAVEPOINT nested; INSERT INTO numbers VALUES (1)")
        undo(connection, "ROLLBACK TO nested; RELEASE nested")
        assert connection.execute("SELECT count(*) FROM numbers").fetchall() == [(0,)]
        with pytest.raises(psycopg.errors.InvalidSavepointSpecification):
            undo(connection, "ROLLBACK TO nested")
        undo(connection, "ROLLBACK")
        assert connection.execute("SELECT to_regclass('numbers')").fetchall() == [(None,)]


def test_a_statement_that_postgresql_refuses_is_prepared_anew(postgres_store_url: str) -> None:
    """As one whose plan is not for the tables as they are now: it would fail for ever."""
    with connect(postgres_store_url) as connection:
        connection.execute("CREATE TEMPORARY TABLE numbers (number integer)")
        connection.execute("SELECT * FROM numbers", prepare=True)
        # By a block, so that the driver does not see what is done.
        connection.execute("DO 'BEGIN ALTER TABLE numbers ADD COLUMN name text; END'", prepare=False)
        connection.execute("BEGIN")
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            connection.execute("SELECT * FROM numbers")
        undo(connection, "ROLLBACK")
        assert connection.execute("SELECT * FROM numbers").fetchall() == []


def test_no_two_connections_give_a_statement_the_same_name(postgres_store_url: str) -> None:
    names = []
    for number in range(2):
        with connect(postgres_store_url) as connection:
            connection.execute("SELECT %s", [number], prepare=True)
            names += connection.execute("SELECT name FROM pg_prepared_statements", prepare=False).fetchall()
    assert len(names) == len(set(names)) == 2
