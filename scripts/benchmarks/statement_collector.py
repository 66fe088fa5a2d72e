"""A plugin of pytest that notes every statement that the tests execute on PostgreSQL through the store.

Used as `pytest -p benchmarks.statement_collector`; the file is named by STATEKEEP_BENCH_STATEMENTS.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from statekeep_core.postgres.connection import BoundedConnection

_ENGINE, _STORE = "statekeep_core.postgres.", "statekeep_core."
_statements: set[str] = set()


def _note() -> None:
    execute_it = BoundedConnection.execute

    def execute(self: BoundedConnection, query: Any, *arguments: Any, **named: Any) -> Any:
        if isinstance(query, str) and _is_the_stores():
            _statements.add(query)
        return execute_it(self, query, *arguments, **named)

    BoundedConnection.execute = execute  # type: ignore[method-assign, assignment]  # it listens


def _is_the_stores() -> bool:
    """Return whether the store asks, and not a test by the store's means."""
    frame = sys._getframe(2)  # noqa: SLF001 -- who calls is all that tells
    while frame.f_back is not None and frame.f_globals["__name__"].startswith(_ENGINE):
        frame = frame.f_back
    caller: str = frame.f_globals["__name__"]
    return caller.startswith(_STORE)


def pytest_unconfigure() -> None:
    """Write what was noted."""
    path = Path(os.environ["STATEKEEP_BENCH_STATEMENTS"])
    path.write_text(json.dumps(sorted(_statements)), encoding="utf-8")


_note()
