"""How long state is kept: when a task's entries expire, and the sweep that removes what is gone already.

Nothing waits for the sweep: an expired entry is not read, listed, counted or compared from the instant of
its expiry. The sweep gives back the room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .metastore import tries
from .metastore.task_entries import Tenure

if TYPE_CHECKING:
    from .execution_api.policy import Policy
    from .metastore.transaction import Transaction
    from .metastore.tries import InstanceRecord


def tenure_of(tx: Transaction, policy: Policy, instance: InstanceRecord) -> Tenure:
    """Return how long the entries of an instance are kept for which no retention was asked.

    From its success, by the default retention; else from its last try, by the time after which it counts
    as abandoned. While a try runs under a live lease, for as long as that takes.
    """
    if instance.succeeded_at is not None:
        return _tenure(instance, instance.succeeded_at, policy.default_retention_us)
    current = tries.find(tx, instance.instance_id, instance.current_try_number)
    if current is not None and current.status == "running" and current.lease_left_us(tx.now):
        return Tenure(instance.instance_id, instance.task)
    return _tenure(instance, instance.last_active_at, policy.abandoned_us)


def _tenure(instance: InstanceRecord, counts_from_at: int, retention_us: int) -> Tenure:
    return Tenure(instance.instance_id, instance.task, counts_from_at, retention_us or None)
