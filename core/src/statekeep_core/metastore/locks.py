"""What a transaction keeps others from changing, where others write at the same time. Here: nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Locks:
    """The locks of a transaction that is alone; each costs a call that does nothing.

    They are taken in this order, so that no two transactions wait for each other: a request, task instances
    and then tries by their ids, the names of assets, assets by their ids, rows of entries, what is condemned.
    All are let go at the transaction's end.
    """

    def hold_request(self, principal: str, request_id: str) -> None:
        """Wait until no other transaction answers this request."""

    def hold_instance(self, instance_id: int) -> None:
        """Wait for a task instance."""

    def seize_instance(self, instance_id: int) -> bool:
        """Hold a task instance that nobody holds; return False, with nothing held, when somebody does."""
        del instance_id
        return True

    def hold_try(self, instance_id: int, try_number: int) -> None:
        """Wait for a try: nobody ends, supersedes or writes for it until this transaction ends."""

    def hold_asset_names(self) -> None:
        """Wait for the right to say which assets there are, and which of them are active.

        What was looked up before may have changed by then, if the transaction is shared.
        """

    def hold_assets(self, asset_ids: Sequence[int]) -> None:
        """Wait for assets, for the one with the smallest id first."""

    def seize_asset(self, asset_id: int) -> bool:
        """Hold an asset that nobody holds; return False, with nothing held, when somebody does."""
        del asset_id
        return True

    def hold_store(self) -> None:
        """Wait until nobody else writes for a try or names an object, and keep them from it; not in order."""

    def hold_condemned(self, *, shared: bool) -> None:
        """Keep storage keys from being condemned (``shared``), or new objects from being named."""


NO_LOCKS = Locks()
