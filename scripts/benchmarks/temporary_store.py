"""An embedded store of its own for a benchmark, and the environment that leads to it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def temporary_store() -> Iterator[dict[str, str]]:
    """Give an environment whose store is a new file, which goes at the end."""
    with tempfile.TemporaryDirectory(prefix="statekeep-bench-") as folder:
        yield {
            **os.environ,
            "STATEKEEP_CONFIG": "",
            "STATEKEEP__DATABASE__URL": f"{folder}/state.db",
        }
