"""The state of an asset: as everybody sees it, and as a try sees it that has staged writes of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from statekeep_core._shared.state.errors import UnsupportedError
from statekeep_core._shared.state.messages import External, Written
from statekeep_core.metastore import asset_entries, staging
from statekeep_core.metastore.expiry import expires_at
from statekeep_core.metastore.replay import Replay

from .applied_state import AppliedState, State

if TYPE_CHECKING:
    from statekeep_core._shared.state.messages import Entry
    from statekeep_core.metastore.asset_entries import Ledger
    from statekeep_core.metastore.expiry import Retention
    from statekeep_core.metastore.key_range import KeyRange
    from statekeep_core.metastore.objects import Content
    from statekeep_core.metastore.operation import Operation
    from statekeep_core.metastore.staging import TryKey
    from statekeep_core.metastore.transaction import Transaction


class AssetState(AppliedState):
    """The entries of one asset; each change leaves a row in its history."""

    def __init__(self, tx: Transaction, ledger: Ledger) -> None:
        self._tx = tx
        self._ledger = ledger

    def entry(self, key: str) -> Entry | None:
        return asset_entries.get(self._tx, self._ledger.asset_id, key)

    def page(self, keys: KeyRange, limit: int, *, with_values: bool) -> list[Entry]:
        return asset_entries.page(self._tx, self._ledger.asset_id, keys, limit, with_values=with_values)

    def put(self, key: str, content: Content, retention: Retention) -> int:
        expiry = expires_at(retention, self._tx.now.wall_us)
        return asset_entries.put(self._tx, self._ledger, key, content, expiry)

    def remove(self, key: str) -> int:
        if self.entry(key) is None:
            return 0
        asset_entries.remove(self._tx, self._ledger, key, "delete")
        return 1

    def remove_all(self) -> int:
        keys = asset_entries.keys(self._tx, self._ledger.asset_id)
        for key in keys:
            asset_entries.remove(self._tx, self._ledger, key, "clear")
        return len(keys)


class StagedAssetState(State):
    """The entries of one asset as a try sees them; its writes wait for its success.

    A condition is judged twice: now, against what the try sees, so that a write that cannot succeed is
    refused while the task can still do something about it, and again when the try finishes.
    """

    def __init__(self, tx: Transaction, of_try: TryKey, asset_id: int) -> None:
        self._tx = tx
        self._of_try = of_try
        self._asset_id = asset_id

    def entry(self, key: str) -> Entry | None:
        return staging.get(self._tx, self._of_try, self._asset_id, key)

    def page(self, keys: KeyRange, limit: int, *, with_values: bool) -> list[Entry]:
        return staging.page(self._tx, self._of_try, self._asset_id, keys, limit, with_values=with_values)

    def write(self, operation: Operation) -> Written:
        if isinstance(operation.value, External) and operation.value.is_plain:
            raise UnsupportedError(
                what=f"staging a write of {operation.key!r} through a plain backend",
                problem="it overwrites in place, at once; send it to be applied at once, too",
            )
        removed = 0
        if operation.key is None:
            removed = staging.count(self._tx, self._of_try, self._asset_id)
        elif operation.is_conditional or operation.kind == "delete":
            seen = self.entry(operation.key)
            Replay(operation.key, seen).judge(operation)
            removed = int(operation.kind == "delete" and seen is not None)
        staging.stage(self._tx, self._of_try, self._asset_id, operation)
        return Written(removed=removed)

    def combine(self, operation: Operation) -> Entry:
        key = str(operation.key)
        Replay(key, self.entry(key)).take(operation)  # refuses what does not go with what the try sees
        staging.stage(self._tx, self._of_try, self._asset_id, operation)
        seen = self.entry(key)
        if seen is None:
            raise AssertionError(f"an entry stands after {operation.kind}")
        return seen
