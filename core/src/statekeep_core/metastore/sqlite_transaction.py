"""A transaction on a SQLite file. While it writes nobody else does, so it has nothing to lock."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from .locks import NO_LOCKS
from .transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import apsw

    from .clock import Instant
    from .transaction import Row, Value


class SqliteTransaction(Transaction):
    """A transaction that its maker has begun, and commits. ``now`` is the instant at which that was."""

    locks = NO_LOCKS
    texts = integers = "json_each(?) AS listed"

    def __init__(self, connection: apsw.Connection, now: Instant) -> None:
        self._connection = connection
        self.now = now
        self._last_version: int | None = None

    def rows(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Value] = ()) -> Row | None:
        return self._connection.execute(sql, parameters).fetchone()

    def run(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        self._connection.execute(sql, parameters)
        return self._connection.changes()

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        self._connection.execute("SAVEPOINT nested")
        drawn = self._last_version
        try:
            yield
        except BaseException:
            # SQLite has rolled everything back by itself after some errors (a full disk among them).
            if not self._connection.get_autocommit():
                self._connection.execute("ROLLBACK TO nested; RELEASE nested")
            self._last_version = drawn
            raise
        self._connection.execute("RELEASE nested")

    def draw_version(self) -> int:
        if self._last_version is None:
            [(self._last_version,)] = self.rows("SELECT last_version FROM store")
        self._last_version += 1
        self.run("UPDATE store SET last_version = ?", (self._last_version,))
        return self._last_version

    def listed(self, values: Sequence[Any]) -> str:
        return json.dumps(values)

    def drop_named(
        self,
        table: str,
        columns: tuple[str, str],
        names: Sequence[tuple[int, str]] | Sequence[tuple[str, str]],
    ) -> None:
        # One by one: a statement that removes many first copies each page of theirs into a file of its own,
        # to be undone alone, which was a third of all that a sweep wrote.
        one, two = columns
        self._connection.executemany(f"DELETE FROM {table} WHERE {one} = ? AND {two} = ?", names)

    def by_index(self, index: str) -> str:
        return f" INDEXED BY {index}"
