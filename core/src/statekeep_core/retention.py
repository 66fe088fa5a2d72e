"""How long state is kept: when a task's entries expire, and the sweep that removes what is gone already.

Nothing waits for the sweep: an expired entry is not read, listed, counted or compared from the instant of
its expiry. The sweep gives back the room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .metastore import leftovers, task_entries, tries
from .metastore.leftovers import LogCursor
from .metastore.task_entries import Tenure

if TYPE_CHECKING:
    from collections.abc import Callable

    from .metastore.transaction import Transaction
    from .metastore.tries import InstanceRecord
    from .policy import Policy, Work

# One transaction of the sweep touches no more rows than this, and writers get their turn after it.
BATCH_ROWS = 1_000
# How long a lost reply can still be asked for after its try has ended.
REQUEST_LOG_US = 24 * 3_600 * 1_000_000
# A store that nobody serves sweeps itself this often, when whoever used it is done.
SWEEP_EVERY_US = 24 * 3_600 * 1_000_000


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


def drop_expired(tx: Transaction, policy: Policy, instance: InstanceRecord) -> None:
    """Remove what has expired of an instance, before a new try lifts its default retention.

    Without this, entries that were gone would be there again, unless a sweep happened to come first.
    """
    task_entries.drop_expired(tx, tenure_of(tx, policy, instance))


# --- the sweep -------------------------------------------------------------------------------------------


class Swept(NamedTuple):
    """How much a sweep removed."""

    task_entries: int = 0
    asset_entries: int = 0
    requests: int = 0


class Store(Protocol):
    """What the sweep runs on."""

    def transact(self, operation: Callable[[Work], Any]) -> Any:
        """Run the operation in a transaction of its own."""


def sweep(store: Store, is_enough: Callable[[], bool] = lambda: False) -> Swept:
    """Remove what has expired or lost its owner, in batches of at most 1,000 rows.

    Each batch is a transaction of its own, between two of which others write, and ``is_enough`` is asked
    whether to stop. Interrupted, it leaves a valid store, and the next sweep goes on. Removed asset entries
    leave a row in the history.
    """
    swept = Swept(
        task_entries=_repeat(store, _own_retention, 0, is_enough)
        + _repeat(store, _default_retention, 0, is_enough),
        asset_entries=_repeat(store, _asset_retention, 0, is_enough) + _repeat(store, _orphans, 0, is_enough),
        requests=_repeat(store, _old_requests, LogCursor(), is_enough),
    )
    if not is_enough():
        store.transact(_note_sweep)
    return swept


def is_sweep_due(tx: Transaction) -> bool:
    """Return whether no sweep has gone through for a day, by a clock that may have been set back."""
    [(swept_at,)] = tx.rows("SELECT swept_at FROM store")
    return not 0 <= tx.now.wall_us - swept_at < SWEEP_EVERY_US


def _note_sweep(work: Work) -> None:
    work.tx.run("UPDATE store SET swept_at = ?", (work.tx.now.wall_us,))


# What a step removed, and where the next one begins; None: there is nothing more to look at.
_Progress = tuple[int, Any]


def _repeat(
    store: Store, step: Callable[[Work, Any], _Progress], cursor: Any, is_enough: Callable[[], bool]
) -> int:
    total = 0
    while cursor is not None and not is_enough():
        begin_at = cursor
        removed, cursor = store.transact(lambda work: step(work, begin_at))  # noqa: B023 -- called at once
        total += removed
    return total


def _own_retention(work: Work, _: Any) -> _Progress:
    removed = leftovers.drop_expired_task_entries(work.tx, BATCH_ROWS)
    return removed, 0 if removed == BATCH_ROWS else None


def _default_retention(work: Work, after_id: int) -> _Progress:
    instances = leftovers.instances_with_entries(work.tx, after_id, BATCH_ROWS)
    room = BATCH_ROWS
    for instance in instances:
        room -= task_entries.drop_expired(work.tx, tenure_of(work.tx, work.policy, instance), room)
        if not room:
            return BATCH_ROWS, after_id
        after_id = instance.instance_id
    return BATCH_ROWS - room, after_id if len(instances) == BATCH_ROWS else None


def _asset_retention(work: Work, _: Any) -> _Progress:
    removed = leftovers.drop_expired_asset_entries(work.tx, BATCH_ROWS, work.policy.asset_history_versions)
    return removed, 0 if removed == BATCH_ROWS else None


def _orphans(work: Work, _: Any) -> _Progress:
    if not work.policy.orphan_grace_us:
        return 0, None
    asset_id = leftovers.oldest_orphan(work.tx, work.tx.now.wall_us - work.policy.orphan_grace_us)
    if asset_id is None:
        return 0, None
    return leftovers.drop_orphan(work.tx, asset_id, BATCH_ROWS, work.policy.asset_history_versions), 0


def _old_requests(work: Work, cursor: LogCursor) -> _Progress:
    until = work.tx.now.wall_us - REQUEST_LOG_US
    return leftovers.drop_old_requests(work.tx, until, cursor, BATCH_ROWS)
