"""Places to run jobs in, and how long the random part goes on."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.workplace import Workplace

_RUNS = 16


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options for when pytest is given this folder: `scripts/test tests/crash --crash-runs 400`."""
    parser.addoption(
        "--crash-runs", type=int, default=_RUNS, help=f"how many random kills (default: {_RUNS})"
    )
    parser.addoption("--crash-seed", type=int, default=None, help="from which the random kills are drawn")


@pytest.fixture(scope="session")
def crash_runs(request: pytest.FixtureRequest) -> int:
    # A run of everything looks for options in the outer folders only, and has the defaults.
    return int(request.config.getoption("--crash-runs", default=_RUNS))


@pytest.fixture(scope="session")
def crash_seed(request: pytest.FixtureRequest) -> int:
    given = request.config.getoption("--crash-seed", default=None)
    return random.randrange(2**32) if given is None else int(given)


@pytest.fixture(scope="module")
def make_workplace() -> Iterator[Callable[[], Workplace]]:
    """Makes places that are removed after the module's tests, with every process in them."""
    places: list[Workplace] = []

    def make() -> Workplace:
        # Not pytest's folder: with a test's name in it, a socket's path would be too long.
        places.append(Workplace(Path(tempfile.mkdtemp(prefix="crash-", dir="/tmp"))))
        return places[-1]

    yield make
    for place in places:
        place.close()
        shutil.rmtree(place.path, ignore_errors=True)  # a guardian may be removing its folder, too


@pytest.fixture
def workplace(make_workplace: Callable[[], Workplace]) -> Workplace:
    return make_workplace()
