"""For every test of the repository: how examples of a property run, and a PostgreSQL for those who ask."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgresql.cluster import Cluster

# The machine may be busy, and no test asserts a time.
settings.register_profile("patient", deadline=None)
# By hand: `scripts/test core/tests/server --hypothesis-profile long`.
settings.register_profile("long", deadline=None, max_examples=5_000)
if settings.get_current_profile_name() == "default":
    settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--postgresql-bin",
        metavar="DIR",
        help="the programs of the PostgreSQL that the tests run (default: those of the installed package)",
    )


def pytest_configure(config: pytest.Config) -> None:
    if programs := config.getoption("postgresql_bin"):
        from tests.postgresql.binaries import CHOSEN

        os.environ[CHOSEN] = os.path.abspath(programs)  # noqa: PTH100 -- also those of a run in another folder


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """A PostgreSQL that all tests share; whoever stops one runs one of its own."""
    from tests.postgresql.cluster import running_cluster  # most runs of a single file need none

    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def shared_database(postgres_cluster: Cluster) -> str:
    """How to reach a database with the store's tables; :func:`postgres_store_url` empties it."""
    from statekeep_core.postgres.migrate import migrate

    url = postgres_cluster.conninfo(postgres_cluster.make_database())
    migrate(url)
    return url


@pytest.fixture
def postgres_store_url(shared_database: str) -> str:
    """How to reach an empty store on PostgreSQL, for one test after the other."""
    from tests.postgresql.cluster import empty

    empty(shared_database)
    return shared_database


@pytest.fixture
def new_database(postgres_cluster: Cluster) -> str:
    """How to reach a database that nobody else uses, without any tables."""
    return postgres_cluster.conninfo(postgres_cluster.make_database())
