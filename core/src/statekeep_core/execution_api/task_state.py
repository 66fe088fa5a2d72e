"""The state of a task instance; every write applies at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from statekeep_core.metastore import task_entries
from statekeep_core.metastore.expiry import expires_at
from statekeep_core.metastore.task_entries import Expiry

from .applied_state import AppliedState

if TYPE_CHECKING:
    from statekeep_core._shared.state.messages import Entry
    from statekeep_core.metastore.expiry import Retention
    from statekeep_core.metastore.key_range import KeyRange
    from statekeep_core.metastore.objects import Content
    from statekeep_core.metastore.stamp import Stamp
    from statekeep_core.metastore.task_entries import Tenure
    from statekeep_core.metastore.transaction import Transaction


class TaskState(AppliedState):
    """The entries of one task instance."""

    def __init__(self, tx: Transaction, tenure: Tenure, stamp: Stamp) -> None:
        self._tx = tx
        self._tenure = tenure
        self._stamp = stamp

    def entry(self, key: str) -> Entry | None:
        return task_entries.get(self._tx, self._tenure, key)

    def page(self, keys: KeyRange, limit: int, *, with_values: bool) -> list[Entry]:
        return task_entries.page(self._tx, self._tenure, keys, limit, with_values=with_values)

    def put(self, key: str, content: Content, retention: Retention) -> int:
        expiry = Expiry(expires_at(retention, self._tx.now.wall_us), by_default=retention is None)
        return task_entries.put(self._tx, self._tenure.instance_id, key, content, expiry, self._stamp)

    def remove(self, key: str) -> int:
        return task_entries.delete(self._tx, self._tenure, key)

    def remove_all(self) -> int:
        removed = task_entries.count(self._tx, self._tenure)
        task_entries.clear(self._tx, self._tenure.instance_id)
        return removed
