"""How long histories are drawn, from which seed, and on which store."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.histories.arena import Arena
from tests.postgresql.cluster import Cluster, running_cluster

_RUNS = 2


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options for when pytest is given this folder: `scripts/test tests/histories --history-runs 400`."""
    parser.addoption(
        "--history-runs", type=int, default=_RUNS, help=f"how many random histories (default: {_RUNS})"
    )
    parser.addoption("--history-seed", type=int, default=None, help="the seed of the first; each adds one")
    parser.addoption("--history-servers", type=int, default=2, help="how many servers serve the store")
    parser.addoption(
        "--history-database",
        default="",
        help="the store's [database] url (default: a new file, and a new database)",
    )


def _option(request: pytest.FixtureRequest, name: str, default: object) -> object:
    # A run of everything looks for options in the outer folders only, and has the defaults.
    given = request.config.getoption(name, default=None)
    return default if given is None else given


@pytest.fixture(scope="session")
def history_runs(request: pytest.FixtureRequest) -> int:
    return int(str(_option(request, "--history-runs", _RUNS)))


@pytest.fixture(scope="session")
def history_seed(request: pytest.FixtureRequest) -> int:
    return int(str(_option(request, "--history-seed", random.randrange(2**24))))


@pytest.fixture(params=["sqlite", "postgresql"])
def arena(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Arena]:
    """Servers, their store and clients; on another store than these, one that is named by its url."""
    servers = int(str(_option(request, "--history-servers", 2)))
    given = str(_option(request, "--history-database", ""))
    with contextlib.ExitStack() as stack:
        url, database = given or str(tmp_path / "served" / "state.db"), None
        if request.param == "postgresql" and not given:
            # One of its own: it is killed.
            database = stack.enter_context(running_cluster())
            url = _url(database)
        arena = Arena(tmp_path, url, servers=servers, database=database)
        stack.callback(arena.close)
        yield arena


def _url(cluster: Cluster) -> str:
    return f"postgresql://postgres@/{cluster.make_database()}?host={quote(str(cluster.folder), safe='')}"
