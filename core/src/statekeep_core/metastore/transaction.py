"""One transaction on the metastore, whatever the engine: statements, the instant it counts as now, locks.

Statements are written once, in SQL that SQLite and PostgreSQL read alike, with ``?`` for parameters. Where
the two differ, the transaction gives the words. Locks cost nothing where there is one writer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from .clock import Instant
    from .locks import Locks

Value = str | int | float | bytes | list[Any] | None
# What a column holds is the schema's to say (both engines check its types), and no type checker reads SQL.
Row = tuple[Any, ...]


class Transaction(ABC):
    """What the store's operations run on. All that a transaction does takes effect together, at its commit.

    ``now`` is one instant, so that every operation in the transaction sees the same time.
    """

    now: Instant
    locks: Locks

    # A list that is one parameter, as a table ``listed`` with a column ``value``.
    texts: ClassVar[str]
    integers: ClassVar[str]
    # Of rows of ``external_objects``: they lost their last name in this transaction, or have none yet.
    unsettled: ClassVar[str] = "due_at = 0"
    # Whether other transactions may write while this one does.
    is_shared: ClassVar[bool] = False
    # At the end of a query on one table: its rows are this transaction's until it ends, those that another
    # one holds are waited for, or passed over.
    held: str = ""
    free: str = ""

    @abstractmethod
    def rows(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Return every row of a query."""

    @abstractmethod
    def row(self, sql: str, parameters: Sequence[Value] = ()) -> Row | None:
        """Return the first row of a query, or None."""

    @abstractmethod
    def run(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """Execute a statement and return how many rows it changed."""

    @abstractmethod
    def savepoint(self) -> AbstractContextManager[None]:
        """Undo what the block did, and only that, when it raises. Savepoints nest."""

    @abstractmethod
    def draw_version(self) -> int:
        """Return a version greater than every one drawn before, in this store, ever.

        The caller holds what the version is for; else a later writer could have drawn an earlier one.
        """

    @abstractmethod
    def listed(self, values: Sequence[str] | Sequence[int]) -> Value:
        """Return the parameter of :attr:`texts` or :attr:`integers`."""

    @abstractmethod
    def drop_named(
        self,
        table: str,
        columns: tuple[str, str],
        names: Sequence[tuple[int, str]] | Sequence[tuple[str, str]],
    ) -> None:
        """Remove the rows of a table in which these two columns, a key of it, are one of the ``names``."""

    @abstractmethod
    def by_index(self, index: str) -> str:
        """Return the words after a table's name that make a query use this index, where one must say so."""

    def store_id(self) -> str:
        """Return who this store is: random, made with it, and anew when it is restored or copied."""
        [(store_id,)] = self.rows("SELECT store_id FROM store")
        return str(store_id)
