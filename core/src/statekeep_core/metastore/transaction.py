"""One transaction on the metastore: statements, the instant that it counts as now, and versions."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import apsw

    from .clock import Instant

Value = str | int | float | bytes | None
# What a column holds is the schema's to say (its tables are STRICT), and no type checker reads SQL.
Row = tuple[Any, ...]


class Transaction:
    """What the store's operations run on. All that a transaction does takes effect together, at its commit.

    ``now`` is read once, when the transaction begins, so that every operation in it sees one time.
    """

    def __init__(self, connection: apsw.Connection, now: Instant) -> None:
        self._connection = connection
        self.now = now
        self._last_version: int | None = None

    def rows(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Return every row of a query."""
        return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Value] = ()) -> Row | None:
        """Return the first row of a query, or None."""
        return self._connection.execute(sql, parameters).fetchone()

    def run(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """Execute a statement and return how many rows it changed."""
        self._connection.execute(sql, parameters)
        return self._connection.changes()

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what the block did, and only that, when it raises. Savepoints nest."""
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

    def store_id(self) -> str:
        """Return who this store is: random, made with it."""
        [(store_id,)] = self.rows("SELECT store_id FROM store")
        return str(store_id)

    def draw_version(self) -> int:
        """Return a version greater than every one drawn before, in this store, ever."""
        if self._last_version is None:
            [(self._last_version,)] = self.rows("SELECT last_version FROM store")
        self._last_version += 1
        self.run("UPDATE store SET last_version = ?", (self._last_version,))
        return self._last_version
