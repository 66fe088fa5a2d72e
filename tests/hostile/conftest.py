"""How long the hostile clients go on, and what they meet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import ServerProcess, server_process

from tests.postgresql.cluster import Cluster


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options for when pytest is given this folder."""
    parser.addoption(
        "--hostile-examples",
        type=int,
        default=0,
        help="how many examples of each kind (default: few, always the same)",
    )
    parser.addoption("--hostile-seed", type=int, default=1, help="the seed of the long form")


@pytest.fixture(scope="session")
def hostile_examples(request: pytest.FixtureRequest) -> int:
    """How many examples are asked for; 0: the short form, which is always the same."""
    # A run of everything looks for options in the outer folders only, and has the defaults.
    return int(request.config.getoption("--hostile-examples", default=0) or 0)


@pytest.fixture(scope="session")
def hostile_seed(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--hostile-seed", default=1) or 1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask on either store in the long form; the short one has its time for a file."""
    if "hostile_store" in metafunc.fixturenames:
        is_long = metafunc.config.getoption("--hostile-examples", default=0)
        metafunc.parametrize("hostile_store", ["sqlite", "postgresql"] if is_long else ["sqlite"])


@pytest.fixture
def hostile_server(
    hostile_store: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[ServerProcess]:
    """A server on a store of its own."""
    url = ""
    if hostile_store == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgres_cluster")
        url = cluster.url(cluster.make_database())
    with server_process(tmp_path, url=url) as server:
        yield server
