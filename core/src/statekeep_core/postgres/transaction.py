"""A transaction on PostgreSQL, where others write at the same time: each write holds what it depends on.

Statements run under READ COMMITTED: each sees what was committed when it began. So what a decision rests on
is locked first and read afterwards. Transactions that only read have one snapshot and no locks.
"""

from __future__ import annotations

import contextlib
from functools import cache
from typing import TYPE_CHECKING, Any

import psycopg

from statekeep_core.metastore.clock import Instant
from statekeep_core.metastore.locks import NO_LOCKS
from statekeep_core.metastore.transaction import Transaction

from .connection import undo
from .row_locks import FREE, HELD, RowLocks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from statekeep_core.metastore.clock import Clock
    from statekeep_core.metastore.transaction import Row, Value

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_CLOCK = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
# Leases are reckoned by the one clock that all servers see.
BOOT_ID = "database"


class PostgresTransaction(Transaction):
    """A transaction that begins with its first statement; its maker commits it with :meth:`commit`.

    ``now`` is the database's clock, read after what was held by then, or the given clock's instant.
    """

    texts = "unnest(?::text[]) AS listed(value)"
    integers = "unnest(?::bigint[]) AS listed(value)"
    # By their numbers, which a trigger notes: in the index of what is not settled lie the dead entries of all
    # transactions since the oldest snapshot. Past some number it notes only that there are many.
    unsettled = (
        "due_at = 0 AND object_id IN (SELECT unnest(string_to_array(nullif(nullif("
        "current_setting('statekeep.unsettled', true), ''), 'many'), ',')::bigint[]) UNION ALL"
        " SELECT u.object_id FROM external_objects u"
        " WHERE u.due_at = 0 AND current_setting('statekeep.unsettled', true) = 'many')"
    )
    is_shared = True

    def __init__(
        self, connection: psycopg.Connection[Row], clock: Clock | None = None, *, reads_only: bool = False
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._now: Instant | None = None
        # What goes with the first statement, in one round trip. Holds integers only, so nothing is bound.
        self._opening: list[str] | None = [_BEGIN_READING if reads_only else _BEGIN]
        self.locks = NO_LOCKS if reads_only else RowLocks(self)
        if not reads_only:
            self.held, self.free = HELD, FREE

    @property
    def now(self) -> Instant:
        self._open()
        if self._now is None:
            raise AssertionError("an open transaction has read the clock")
        return self._now

    @now.setter
    def now(self, instant: Instant) -> None:
        self._now = instant

    def rows(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        return self._execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Value] = ()) -> Row | None:
        return self._execute(sql, parameters).fetchone()

    def run(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        return self._execute(sql, parameters).rowcount

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        self._open()
        self._connection.execute("SAVEPOINT nested")
        try:
            yield
        except BaseException:
            undo(self._connection, "ROLLBACK TO nested; RELEASE nested")
            raise
        self._connection.execute("RELEASE nested")

    def draw_version(self) -> int:
        [(version,)] = self.rows("SELECT nextval('store_versions')")
        return int(version)

    def listed(self, values: Sequence[Any]) -> list[Any]:
        return list(values)

    def drop_named(
        self,
        table: str,
        columns: tuple[str, str],
        names: Sequence[tuple[int, str]] | Sequence[tuple[str, str]],
    ) -> None:
        if not names:
            return
        kind = "bigint" if isinstance(names[0][0], int) else "text"
        self.run(
            f"DELETE FROM {table} WHERE ({', '.join(columns)}) IN"
            f" (SELECT listed.one, listed.two FROM unnest(?::{kind}[], ?::text[]) AS listed(one, two))",
            ([one for one, _ in names], [two for _, two in names]),
        )

    def by_index(self, index: str) -> str:
        del index  # the planner has statistics, and no such words
        return ""

    # --- its two ends ------------------------------------------------------------------------------------

    def commit(self, last: str = "") -> None:
        """Make everything durable, in one round trip with a last statement; when this returns, it is."""
        if self._opening is None:
            self._connection.execute(f"{last}; COMMIT" if last else "COMMIT")

    def roll_back(self) -> None:
        """Undo everything. On a connection that is broken, the database does so by itself."""
        if self._opening is None:
            with contextlib.suppress(psycopg.Error):
                undo(self._connection, "ROLLBACK")

    def _open(self) -> None:
        if self._opening is None:
            return
        opening, self._opening = self._opening, None
        cursor = self._connection.execute("; ".join([*opening, _CLOCK]))
        while cursor.nextset():
            pass
        [[now_us]] = cursor.fetchall()
        if self._now is None:
            self._now = self._clock() if self._clock is not None else Instant(now_us, now_us, BOOT_ID)

    def _execute(self, sql: str, parameters: Sequence[Value]) -> psycopg.Cursor[Row]:
        self._open()
        return self._connection.execute(translated(sql), parameters, binary=True)

    def send(self, statement: str) -> None:
        """Execute a statement without parameters and results: with the first one, if there was none yet."""
        if self._opening is not None:
            self._opening.append(statement)
        else:
            self._connection.execute(statement)


@cache
def translated(sql: str) -> str:
    """Return a statement with psycopg's placeholders for ours."""
    return sql.replace("%", "%%").replace("?", "%s")
