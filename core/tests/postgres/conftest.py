"""A store on PostgreSQL with the database's own clock, and a way to stop its transactions where wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from statekeep_core.policy import Policy
from statekeep_core.postgres.store import PostgresStore

from core.tests.conftest import Client


@pytest.fixture
def engine() -> str:
    """These are about PostgreSQL."""
    return "postgresql"


@pytest.fixture
def store(postgres_store_url: str) -> Iterator[PostgresStore]:
    store = PostgresStore(postgres_store_url, Policy(), None, connections=8)
    yield store
    store.close()


@pytest.fixture
def live(store: PostgresStore) -> Client:
    """Asks a store whose time is the database's."""
    return Client(store)


# Shorter than the store's own patience for a lock.
_PATIENCE = 600


class Stage:
    """Several requests at once, each in a thread; some of them held up by a row that the test has locked."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._threads = ThreadPoolExecutor(16)

    def begin(self, ask: Callable[..., Any], *arguments: Any) -> Future[Any]:
        return self._threads.submit(ask, *arguments)

    @contextmanager
    def holding(self, statement: str) -> Iterator[None]:
        """Execute a statement in a transaction of its own, which is rolled back at the end of the block."""
        with psycopg.connect(self._url) as connection:
            connection.execute(statement.encode())
            yield
            connection.rollback()

    def until_waiting(self, count: int) -> None:
        """Return when so many of the store's transactions wait for locks."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            for _ in range(_PATIENCE):
                if self._waiting(connection) >= count:
                    return
                connection.execute("SELECT pg_sleep(0.005)")  # yields the processor to those who are to wait
            raise AssertionError(f"fewer than {count} wait for a lock")

    def _waiting(self, connection: psycopg.Connection[Any]) -> int:
        [[number]] = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'statekeep' AND wait_event_type = 'Lock'"
        ).fetchall()
        return int(number)

    def close(self) -> None:
        self._threads.shutdown()


@pytest.fixture
def stage(postgres_store_url: str, store: PostgresStore) -> Iterator[Stage]:
    stage = Stage(postgres_store_url)
    yield stage
    stage.close()
