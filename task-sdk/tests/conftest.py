"""What the tests of processes and of the command share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from statekeep_command import Statekeep


@pytest.fixture
def statekeep(tmp_path: Path) -> Iterator[Statekeep]:
    """The real command on an empty store."""
    # pytest's own folders are too deep for a socket's path.
    with tempfile.TemporaryDirectory(prefix="sk-", dir="/tmp") as temporary:
        yield Statekeep(tmp_path, Path(temporary))
