"""A plugin of pytest that notes every statement that the tests execute on PostgreSQL through the store.

Used as `pytest -p benchmarks.statement_collector`; the file is named by STATEKEEP_BENCH_STATEMENTS.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from statekeep_core.postgres.hot_path import HotPath
from statekeep_core.postgres.transaction import PostgresTransaction, translated

_statements: set[str] = set()


def _note() -> None:
    of_transactions, of_the_hot_path = PostgresTransaction._execute, HotPath._rows  # noqa: SLF001 -- it listens

    def execute(self: PostgresTransaction, sql: str, parameters: Any) -> Any:
        # The caller of `rows`, `row` or `run`: a test's own statements are none of the store's.
        if sys._getframe(2).f_globals["__name__"].startswith("statekeep_core."):  # noqa: SLF001 -- as above
            _statements.add(translated(sql))
        return of_transactions(self, sql, parameters)

    def rows(self: HotPath, sql: str, *parameters: Any) -> Any:
        _statements.add(sql)
        return of_the_hot_path(self, sql, *parameters)

    PostgresTransaction._execute = execute  # type: ignore[method-assign]  # noqa: SLF001 -- as above
    HotPath._rows = rows  # type: ignore[method-assign]  # noqa: SLF001 -- as above


def pytest_unconfigure() -> None:
    """Write what was noted."""
    path = Path(os.environ["STATEKEEP_BENCH_STATEMENTS"])
    path.write_text(json.dumps(sorted(_statements)), encoding="utf-8")


_note()
