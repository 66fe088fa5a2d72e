"""What the tests of processes and of the command share, and how they run over HTTP."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from served_store import ServedStore
from statekeep_command import Statekeep


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options for when pytest is given this folder: `scripts/test task-sdk/tests --over-http`."""
    parser.addoption("--over-http", action="store_true", help="run the SDK's tests on a server")
    parser.addoption("--on-postgresql", action="store_true", help="with --over-http: one on PostgreSQL")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "embedded_only(reason): what holds for a store in the same process")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("over_http", default=False):
        for item in items:
            for mark in item.iter_markers("embedded_only"):
                item.add_marker(pytest.mark.skip(reason=f"embedded only: {mark.args[0]}"))


@pytest.fixture(scope="session")
def one_served_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedStore]:
    """The store behind a server that all tests share; see :func:`served_store`."""
    url = ""
    if request.config.getoption("on_postgresql", default=False):
        cluster = request.getfixturevalue("postgres_cluster")
        url = cluster.url(cluster.make_database())
    served = ServedStore(tmp_path_factory.mktemp("server"), url)
    yield served
    served.close()


@pytest.fixture
def served_store(one_served_store: ServedStore) -> ServedStore:
    """An empty store behind a server, for one test after the other."""
    one_served_store.empty()
    return one_served_store


@pytest.fixture
def statekeep(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Statekeep]:
    """The real command on an empty store."""
    # pytest's own folders are too deep for a socket's path.
    with tempfile.TemporaryDirectory(prefix="sk-", dir="/tmp") as temporary:
        command = Statekeep(tmp_path, Path(temporary))
        if request.config.getoption("over_http", default=False):
            served: ServedStore = request.getfixturevalue("served_store")
            command.use_server(served.server)
            command.database = served.database
        yield command
