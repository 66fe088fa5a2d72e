"""A server in a process of its own, and the real command as its worker."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import ServerProcess, server_process
from statekeep_command import Statekeep

from tests.postgresql.cluster import Cluster


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """What the served store runs on; each test runs on either."""
    return str(request.param)


@pytest.fixture
def database_url(engine: str, request: pytest.FixtureRequest) -> str:
    """A new store's [database] url; empty for a file in the test's folder."""
    return _new_database(engine, request)


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[ServerProcess]:
    with server_process(tmp_path, url=database_url) as server:
        yield server


@pytest.fixture(scope="module")
def shared_server(
    tmp_path_factory: pytest.TempPathFactory, engine: str, request: pytest.FixtureRequest
) -> Iterator[ServerProcess]:
    """One server for tests that leave it as it was, each with tasks of its own."""
    with server_process(tmp_path_factory.mktemp("server"), url=_new_database(engine, request)) as server:
        yield server


def _new_database(engine: str, request: pytest.FixtureRequest) -> str:
    if engine == "sqlite":
        return ""
    cluster: Cluster = request.getfixturevalue("postgres_cluster")
    return cluster.url(cluster.make_database())


@pytest.fixture
def worker(server: ServerProcess, tmp_path: Path) -> Iterator[Statekeep]:
    """The command with a worker's credential, and no store of its own."""
    # pytest's own folders are too deep for a socket's path.
    with tempfile.TemporaryDirectory(prefix="sk-", dir="/tmp") as temporary:
        statekeep = Statekeep(tmp_path, Path(temporary))
        del statekeep.environ["STATEKEEP__DATABASE__URL"]
        statekeep.environ |= {**server.settings(), "XDG_DATA_HOME": str(tmp_path / "data")}
        yield statekeep
