"""What the tests of processes and of the command share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import server_process
from statekeep_command import Statekeep


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add an option for when pytest is given this folder: `scripts/test task-sdk/tests --over-http`."""
    parser.addoption(
        "--over-http", action="store_true", help="run the command's tests on a server instead of a file"
    )


@pytest.fixture
def embedded_only(request: pytest.FixtureRequest) -> None:
    """For what is so on a file only: its place, and a lock that proves the try before to be gone."""
    if request.config.getoption("--over-http", default=False):
        pytest.skip("holds for an embedded store")


@pytest.fixture
def statekeep(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Statekeep]:
    """The real command on an empty store."""
    # pytest's own folders are too deep for a socket's path.
    with tempfile.TemporaryDirectory(prefix="sk-", dir="/tmp") as temporary:
        command = Statekeep(tmp_path, Path(temporary))
        if request.config.getoption("--over-http", default=False):
            with server_process(tmp_path) as server:
                command.use_server(server)
                yield command
        else:
            yield command
