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

Value = str | int | float | bytes | list[Any] | None
# What a column holds is the schema's to say (both engines check its types), and no type checker reads SQL.
Row = tuple[Any, ...]


class Transaction(ABC):
    """What the store's operations run on. All that a transaction does takes effect together, at its commit.

    ``now`` is one instant, so that every operation in the transaction sees the same time.
    """

    now: Instant

    # A list that is one parameter, as a table ``listed`` with a column ``value``.
    texts: ClassVar[str]
    integers: ClassVar[str]
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
    def by_index(self, index: str) -> str:
        """Return the words after a table's name that make a query use this index, where one must say so."""

    def store_id(self) -> str:
        """Return who this store is: random, made with it."""
        [(store_id,)] = self.rows("SELECT store_id FROM store")
        return str(store_id)

    # --- what other writers must not change meanwhile ----------------------------------------------------
    # Taken in this order, so that no two transactions wait for each other: a request, task instances, their
    # tries, the names of assets, assets.

    def hold_request(self, principal: str, request_id: str) -> None:  # noqa: B027 -- one writer needs none
        """Wait until no other transaction answers this request."""

    def hold_instance(self, instance_id: int) -> None:  # noqa: B027
        """Wait for a task instance."""

    def seize_instance(self, instance_id: int) -> bool:
        """Hold a task instance that nobody holds; return False, with nothing held, when somebody does."""
        del instance_id
        return True

    def hold_try(self, instance_id: int, try_number: int) -> None:  # noqa: B027
        """Wait for a try: nobody ends, supersedes or writes for it until this transaction ends."""

    def hold_asset_names(self) -> None:  # noqa: B027
        """Wait for the right to say which assets there are, and which of them are active.

        What was looked up before may have changed by then, if the transaction is shared.
        """

    def hold_assets(self, asset_ids: Sequence[int]) -> None:  # noqa: B027
        """Wait for assets, for the one with the smallest id first."""

    def seize_asset(self, asset_id: int) -> bool:
        """Hold an asset that nobody holds; return False, with nothing held, when somebody does."""
        del asset_id
        return True

    def hold_condemned(self, *, shared: bool) -> None:  # noqa: B027
        """Keep storage keys from being condemned (``shared``), or new objects from being named."""
