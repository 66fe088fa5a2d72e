"""How long histories are drawn, from which seed, and on which store."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.histories.arena import Arena

_RUNS = 2


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options for when pytest is given this folder: `scripts/test tests/histories --history-runs 400`."""
    parser.addoption(
        "--history-runs", type=int, default=_RUNS, help=f"how many random histories (default: {_RUNS})"
    )
    parser.addoption("--history-seed", type=int, default=None, help="the seed of the first; each adds one")
    parser.addoption("--history-servers", type=int, default=2, help="how many servers serve the store")
    parser.addoption(
        "--history-late-blind-writes", action="store_true", help="let plain sets and deletes come late, too"
    )
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
    blind_too = bool(_option(request, "--history-late-blind-writes", False))
    arena = Arena(tmp_path, _database_url(request, tmp_path), servers=servers, blind_too=blind_too)
    try:
        yield arena
    finally:
        arena.close()


def _database_url(request: pytest.FixtureRequest, folder: Path) -> str:
    given = str(_option(request, "--history-database", ""))
    if given or request.param == "sqlite":
        return given or str(folder / "served" / "state.db")
    parts = conninfo_to_dict(request.getfixturevalue("new_database"))
    host = quote(str(parts["host"]), safe="")
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={host}"
