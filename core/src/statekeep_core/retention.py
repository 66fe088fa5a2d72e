"""How long state is kept: when a task's entries expire, and the sweep that removes what is gone already.

Nothing waits for the sweep: an expired entry is not read, listed, counted or compared from the instant of
its expiry. The sweep gives back the room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from . import sweep_cursor
from ._shared.state.messages import Swept
from .metastore import condemned, leftovers, task_entries, tries
from .metastore.task_entries import Tenure
from .sweep_cursor import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from .metastore.transaction import Transaction
    from .metastore.tries import InstanceRecord
    from .policy import Policy, Work
    from .sweep_cursor import Position

# One transaction of the sweep looks at no more rows than this, and writers get their turn after it.
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
    current = None
    if instance.succeeded_at is None:
        current = tries.find(tx, instance.instance_id, instance.current_try_number)
    is_running = current is not None and current.status == "running" and current.lease_left_us(tx.now) > 0
    return _tenure_while(policy, instance, is_running=is_running)


def _tenure_while(policy: Policy, instance: InstanceRecord, *, is_running: bool) -> Tenure:
    if instance.succeeded_at is not None:
        return _tenure(instance, instance.succeeded_at, policy.default_retention_us)
    if is_running:
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


class Store(Protocol):
    """What the sweep runs on."""

    def transact(self, operation: Callable[[Work], Any]) -> Any:
        """Run the operation in a transaction of its own."""


def sweep(store: Store, is_enough: Callable[[], bool] = lambda: False) -> Swept:
    """Remove what has expired or lost its owner, in batches of at most 1,000 rows; return how much.

    Each batch is a transaction of its own, between two of which others write, and ``is_enough`` is asked
    whether to stop. Interrupted, it leaves a valid store, and the next sweep goes on. Removed asset entries
    leave a row in the history.
    """
    total, cursor, is_done = Swept(), None, False
    while not is_done and not is_enough():
        step = store.transact(lambda work: sweep_step(work, cursor))  # noqa: B023 -- called at once
        total, cursor, is_done = _sum(total, step), step.cursor, step.cursor is None
    return total


def sweep_step(work: Work, cursor: str | None, *, dry_run: bool = False, room: int = BATCH_ROWS) -> Swept:
    """Look at up to ``room`` rows from the ``cursor`` on; remove, or with ``dry_run`` count, what is to go.

    After the last step the store counts as swept. Raises :class:`InvalidRequestError` for a cursor that no
    step can have given.
    """
    at: Place | None = sweep_cursor.load(cursor, _STARTS)
    total = Swept()
    while at is not None and room > 0:
        stage = _STAGES[at.stage]
        leg = stage.go(_Errand(work, room, dry_run), *at.position)
        total, room = _sum(total, stage.removes(leg.removed)), room - leg.looked_at
        at = _next(at.stage, leg.go_on_at)
    if at is None and not dry_run:
        work.tx.run("UPDATE store SET swept_at = ?", (work.tx.now.wall_us,))
    cursor = None if at is None else sweep_cursor.dump(at)
    return Swept(total.task_entries, total.asset_entries, total.requests, cursor)


def is_sweep_due(tx: Transaction, every_us: int = SWEEP_EVERY_US) -> bool:
    """Return whether no sweep has gone through for so long, by a clock that may have been set back."""
    [(swept_at,)] = tx.rows("SELECT swept_at FROM store")
    return not 0 <= tx.now.wall_us - swept_at < every_us


def _sum(one: Swept, other: Swept) -> Swept:
    return Swept(*(mine + its for mine, its in zip(one[:3], other[:3], strict=True)))


# --- its stages ------------------------------------------------------------------------------------------


class _Errand(NamedTuple):
    """What a stage is sent for: to look at ``room`` rows at most."""

    work: Work
    room: int
    dry_run: bool


class _Leg(NamedTuple):
    """How far a stage came: rows looked at, rows removed, and where it goes on (None: it is through)."""

    looked_at: int
    removed: int
    go_on_at: Position | None


_THROUGH = _Leg(0, 0, None)


def _own_retention(errand: _Errand, expires_at: int, instance_id: int, key: str) -> _Leg:
    tx = errand.work.tx
    rows = leftovers.expired_task_entries(tx, (expires_at, instance_id, key), errand.room)
    if not errand.dry_run:
        leftovers.drop_expired_task_entries(tx, rows)
    return _Leg(len(rows), len(rows), rows[-1] if len(rows) == errand.room else None)


def _default_retention(errand: _Errand, instance_id: int, after_key: str) -> _Leg:
    """Go through the instances, into those whose time is over."""
    tx = errand.work.tx
    found = leftovers.holders(tx, instance_id, errand.room)
    looked_at = removed = 0
    for holder in found:
        if looked_at == errand.room:
            return _Leg(looked_at, removed, (holder.instance.instance_id, ""))
        begins_after = after_key if holder.instance.instance_id == instance_id else ""
        leg = _instance(errand._replace(room=errand.room - looked_at), holder, begins_after)
        looked_at, removed = looked_at + leg.looked_at, removed + leg.removed
        if leg.go_on_at is not None:
            return _Leg(looked_at, removed, leg.go_on_at)
    if len(found) < errand.room:
        return _Leg(looked_at, removed, None)
    return _Leg(looked_at, removed, (found[-1].instance.instance_id + 1, ""))


def _instance(errand: _Errand, holder: leftovers.Holder, after_key: str) -> _Leg:
    """Go through the entries of one instance, if its time is over."""
    tx, instance_id = errand.work.tx, holder.instance.instance_id
    # Somebody starts a try of it, or ends one, so that it is in use: the next sweep looks at it again.
    if _gone_until(errand.work, holder) < 0 or not tx.locks.seize_instance(instance_id):
        return _Leg(1, 0, None)
    # Until it was seized, a try may have begun.
    [holder, *_] = leftovers.holders(tx, instance_id, 1) or [holder]
    gone_until = _gone_until(errand.work, holder)
    if gone_until < 0 or holder.instance.instance_id != instance_id:
        return _Leg(1, 0, None)
    rows = leftovers.entries_by_default(tx, instance_id, gone_until, after_key, errand.room)
    gone = [key for key, is_gone in rows if is_gone]
    if gone and not errand.dry_run:
        leftovers.drop_task_entries(tx, instance_id, gone)
    go_on_at = (instance_id, rows[-1][0]) if len(rows) == errand.room else None
    return _Leg(len(rows) or 1, len(gone), go_on_at)


def _gone_until(work: Work, holder: leftovers.Holder) -> int:
    """Return until when what was written by default is gone by now; below 0 when the time is not over."""
    tenure = _tenure_while(work.policy, holder.instance, is_running=holder.is_running)
    return tenure.gone_until(work.tx.now.wall_us)


def _asset_retention(errand: _Errand, expires_at: int, asset_id: int, key: str) -> _Leg:
    tx = errand.work.tx
    rows = leftovers.expired_asset_entries(tx, (expires_at, asset_id, key), errand.room)
    gone = rows if errand.dry_run else [row for row in rows if _is_free(tx, *row)]
    if not errand.dry_run:
        for _, of_asset, gone_key in gone:
            leftovers.drop_asset_entry(tx, of_asset, gone_key, errand.work.policy.asset_history_versions)
    return _Leg(len(rows), len(gone), rows[-1] if len(rows) == errand.room else None)


def _is_free(tx: Transaction, expires_at: int, asset_id: int, key: str) -> bool:
    """Return whether nobody writes the asset just now, nor has written the entry again."""
    return tx.locks.seize_asset(asset_id) and leftovers.has_expired(tx, asset_id, key, expires_at)


def _orphans(errand: _Errand, deactivated_at: int, asset_id: int, after_key: str) -> _Leg:
    """Go through one asset, of those that were deactivated long enough ago."""
    (tx, policy), room = errand.work, errand.room
    if not policy.orphan_grace_us:
        return _THROUGH
    until = tx.now.wall_us - policy.orphan_grace_us
    orphan = leftovers.oldest_orphan(tx, until, (deactivated_at, asset_id))
    if orphan is None:
        return _THROUGH
    if orphan != (deactivated_at, asset_id):
        (deactivated_at, asset_id), after_key = orphan, ""
    if errand.dry_run:
        rows = leftovers.entries_of_orphan(tx, asset_id, after_key, room)
        removed, looked_at = sum(is_live for _, is_live in rows), len(rows)
        after_key = rows[-1][0] if rows else ""
    else:
        removed, looked_at = leftovers.drop_orphan(tx, asset_id, room, policy.asset_history_versions)
    following = (
        (deactivated_at, asset_id, after_key) if looked_at == room else (deactivated_at, asset_id + 1, "")
    )
    return _Leg(looked_at or 1, removed, following)


def _old_requests(errand: _Errand, *after: int | str) -> _Leg:
    tx = errand.work.tx
    rows = leftovers.recorded_requests(tx, tx.now.wall_us - REQUEST_LOG_US, after, errand.room)
    old = [row[1:3] for row in rows if row[3]]
    if not errand.dry_run:
        leftovers.drop_requests(tx, old)
    return _Leg(len(rows), len(old), rows[-1][:3] if len(rows) == errand.room else None)


def _condemned(errand: _Errand) -> _Leg:
    forgotten = 0 if errand.dry_run else condemned.forget_old(errand.work.tx, errand.room)
    return _Leg(forgotten, forgotten, () if forgotten == errand.room else None)


class _Stage(NamedTuple):
    """One kind of leftovers: where its first leg starts, a leg, and as what the removed rows are counted."""

    start: Position
    go: Callable[..., _Leg]
    removes: Callable[[int], Swept]


_STAGES = (
    _Stage((-1, -1, ""), _own_retention, lambda removed: Swept(task_entries=removed)),
    _Stage((-1, ""), _default_retention, lambda removed: Swept(task_entries=removed)),
    _Stage((-1, -1, ""), _asset_retention, lambda removed: Swept(asset_entries=removed)),
    _Stage((-1, -1, ""), _orphans, lambda removed: Swept(asset_entries=removed)),
    _Stage((-1, "", ""), _old_requests, lambda removed: Swept(requests=removed)),
    _Stage((), _condemned, lambda _: Swept()),
)
_STARTS = [stage.start for stage in _STAGES]


def _next(stage: int, go_on_at: Position | None) -> Place | None:
    if go_on_at is not None:
        return Place(stage, go_on_at)
    return Place(stage + 1, _STARTS[stage + 1]) if stage + 1 < len(_STAGES) else None
