"""A real server that is killed at a planned step of its store. Run as a module:

ORDERS=FILE STEPS=FILE python -m tests.crash.served.serve

The first file may come to hold a `Kill`, as JSON; in the second, if it is named, are the steps' names.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import psycopg
from statekeep.cli.main import main as statekeep
from statekeep_core.embedded import EmbeddedStore
from statekeep_core.postgres.store import PostgresStore

from tests.crash.killing_files import watch_connections
from tests.crash.steps import FILE_STEPS, STATEMENT_STEPS, Kill, Killer, noting

# On PostgreSQL, where a statement may be the commit, too: before and after each.
DATABASE_STEPS = ("asked_database", "told_by_database", "group_answered")
STORE_STEPS = (*STATEMENT_STEPS, *FILE_STEPS)


class OrderedKiller(Killer):
    """Kills this process as ordered, once; an order may come at any time, and replaces the one before."""

    def __init__(self, orders: Path, steps: str) -> None:
        super().__init__(None, noting(steps))
        self._orders = orders

    def is_last(self, name: str) -> bool:
        if self._orders.exists():
            order = json.loads(self._orders.read_text())
            self._orders.unlink()
            self._plan = order and Kill(*order)
            self._count, self._is_counting = 0, order is not None
        return super().is_last(name)


def main() -> None:
    """Serve until killed."""
    killer = OrderedKiller(Path(os.environ["ORDERS"]), os.environ["STEPS"])
    files = watch_connections(killer)
    _step_around(psycopg.Cursor, "execute", killer)
    for store in (EmbeddedStore, PostgresStore):
        _step_after_group(store, killer)
    sys.argv[1:] = ["server"]
    statekeep()
    del files


def _step_around(cls: Any, name: str, killer: Killer) -> None:
    real = getattr(cls, name)

    def stepping(*arguments: Any, **named: Any) -> Any:
        killer.step("asked_database")
        result = real(*arguments, **named)
        killer.step("told_by_database")
        return result

    setattr(cls, name, stepping)


def _step_after_group(cls: Any, killer: Killer) -> None:
    real = cls.handle_group

    def handle_group(self: Any, calls: Any) -> Any:
        replies = real(self, calls)
        killer.step("group_answered")
        return replies

    cls.handle_group = handle_group


def order(orders: Path, kill: Kill | None) -> None:
    """Give a server an order, for its next step on."""
    written = orders.with_suffix(".new")
    written.write_text(json.dumps(kill))
    written.replace(orders)


if __name__ == "__main__":
    main()
