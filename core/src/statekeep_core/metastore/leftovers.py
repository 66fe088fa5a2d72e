"""Rows that nothing needs any more, found and removed a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from statekeep_core._shared.state.messages import TaskAddress

from . import asset_entries, asset_history
from .asset_entries import Ledger
from .stamp import SWEEP
from .tries import InstanceRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .transaction import Row, Transaction


# Each finder looks at `limit` rows at most, and begins after a row that an earlier call returned, so that
# rows which stay, or which are only counted, are looked at once.


def expired_task_entries(tx: Transaction, after: tuple[int, int, str], limit: int) -> list[Row]:
    """Return (expires_at, instance_id, key) of task entries whose own retention is over, in this order."""
    return tx.rows(
        "SELECT expires_at, instance_id, key FROM task_entries"
        " WHERE expires_at <= ? AND (expires_at, instance_id, key) > (?, ?, ?)"
        f" ORDER BY expires_at, instance_id, key LIMIT ?{tx.free}",
        (tx.now.wall_us, *after, limit),
    )


def drop_expired_task_entries(tx: Transaction, rows: Sequence[Row]) -> None:
    """Remove the entries that :func:`expired_task_entries` returned, whosever they are."""
    tx.drop_named("task_entries", ("instance_id", "key"), [(row[1], row[2]) for row in rows])


def drop_task_entries(tx: Transaction, instance_id: int, keys: Sequence[str]) -> None:
    """Remove these entries of an instance."""
    tx.run(
        f"DELETE FROM task_entries WHERE instance_id = ? AND key IN (SELECT listed.value FROM {tx.texts})",
        (instance_id, tx.listed(keys)),
    )


class Holder(NamedTuple):
    """An instance that holds entries, and whether a try of it runs under a live lease."""

    instance: InstanceRecord
    is_running: bool


_HOLDERS = (
    "WITH RECURSIVE held (instance_id, n) AS ("
    " SELECT (SELECT min(instance_id) FROM task_entries WHERE instance_id >= ?), 1 UNION ALL"
    " SELECT (SELECT min(e.instance_id) FROM task_entries e WHERE e.instance_id > held.instance_id), n + 1"
    " FROM held WHERE held.instance_id IS NOT NULL AND n < ?)"
    " SELECT i.instance_id, i.ti_id, i.dag_id, i.run_id, i.task_id, i.map_index, i.current_try,"
    " i.last_active_at, i.succeeded_at, t.status = 'running' AND t.lease_boot_id = ? AND t.lease_until > ?"
    " FROM held JOIN task_instances i ON i.instance_id = held.instance_id"
    " LEFT JOIN tries t ON t.instance_id = i.instance_id AND t.try_number = i.current_try ORDER BY n"
)


def holders(tx: Transaction, from_id: int, limit: int) -> list[Holder]:
    """Return up to ``limit`` instances that hold entries, by their ids, from this one on.

    Steps from one instance to the next through the key of the table, so neither the many entries of one
    nor the many instances that hold none cost anything.
    """
    rows = tx.rows(_HOLDERS, (from_id, limit, tx.now.boot_id, tx.now.boot_us))
    return [
        Holder(InstanceRecord(row[0], row[1], TaskAddress(*row[2:6]), *row[6:9]), bool(row[9]))
        for row in rows
    ]


def entries_by_default(
    tx: Transaction, instance_id: int, gone_until: int, after_key: str, limit: int
) -> list[Row]:
    """Return (key, is_gone) of an instance's entries in the order of their keys.

    Gone are those that were written without a retention, no later than ``gone_until``.
    """
    return tx.rows(
        "SELECT key, keeps_default = 1 AND updated_at <= ? FROM task_entries"
        f" WHERE instance_id = ? AND key > ? ORDER BY key LIMIT ?{tx.free}",
        (gone_until, instance_id, after_key, limit),
    )


def expired_asset_entries(tx: Transaction, after: tuple[int, int, str], limit: int) -> list[Row]:
    """Return (expires_at, asset_id, key) of expired asset entries, in this order."""
    return tx.rows(
        "SELECT expires_at, asset_id, key FROM asset_entries"
        " WHERE expires_at <= ? AND (expires_at, asset_id, key) > (?, ?, ?)"
        " ORDER BY expires_at, asset_id, key LIMIT ?",
        (tx.now.wall_us, *after, limit),
    )


def has_expired(tx: Transaction, asset_id: int, key: str, expires_at: int) -> bool:
    """Return whether the entry still has this expiry; where others write too, it may have been set again."""
    found = tx.row("SELECT expires_at FROM asset_entries WHERE asset_id = ? AND key = ?", (asset_id, key))
    return found == (expires_at,)


def drop_asset_entry(tx: Transaction, asset_id: int, key: str, keep_versions: int) -> None:
    """Remove an asset entry; a row in the history says so."""
    asset_entries.remove(tx, Ledger(asset_id, SWEEP, keep_versions), key, "sweep")


def oldest_orphan(
    tx: Transaction, deactivated_until: int, at_or_after: tuple[int, int]
) -> tuple[int, int] | None:
    """Return (deactivated_at, asset_id) of the first unswept asset that was deactivated by then; or None."""
    return tx.row(
        "SELECT deactivated_at, asset_id FROM assets WHERE deactivated_at IS NOT NULL AND swept_at IS NULL"
        " AND deactivated_at <= ? AND (deactivated_at, asset_id) >= (?, ?)"
        f" ORDER BY deactivated_at, asset_id LIMIT 1{tx.free}",
        (deactivated_until, *at_or_after),
    )


def entries_of_orphan(tx: Transaction, asset_id: int, after_key: str, limit: int) -> list[Row]:
    """Return (key, is_live) of an asset's entries in the order of their keys; the others have expired."""
    return tx.rows(
        "SELECT key, expires_at IS NULL OR expires_at > ? FROM asset_entries"
        " WHERE asset_id = ? AND key > ? ORDER BY key LIMIT ?",
        (tx.now.wall_us, asset_id, after_key, limit),
    )


def drop_orphan(tx: Transaction, asset_id: int, limit: int, keep_versions: int) -> tuple[int, int]:
    """Remove up to ``limit`` rows of an inactive asset: its entries, then the values in its history.

    What is left in the end, when fewer were removed, is a row per key that says that it was swept, and the
    asset counts as swept. Returns how many entries it removed, and how many rows.
    """
    keys = tx.rows("SELECT key FROM asset_entries WHERE asset_id = ? LIMIT ?", (asset_id, limit))
    for (key,) in keys:
        drop_asset_entry(tx, asset_id, key, keep_versions)
    rows = len(keys) + asset_history.drop_values(tx, asset_id, limit - len(keys))
    if rows < limit:
        tx.run("UPDATE assets SET swept_at = ? WHERE asset_id = ?", (tx.now.wall_us, asset_id))
    return len(keys), rows


def recorded_requests(tx: Transaction, until: int, after: Sequence[int | str], limit: int) -> list[Row]:
    """Return (recorded_at, principal, request_id, is_old) of requests recorded no later than ``until``.

    Nobody can repeat those that are old: their try, if they have one, ended no later either.
    """
    return tx.rows(
        "SELECT r.recorded_at, r.principal, r.request_id, t.instance_id IS NULL OR t.finished_at <= ?"
        " FROM request_log r LEFT JOIN tries t USING (instance_id, try_number)"
        " WHERE r.recorded_at <= ? AND (r.recorded_at, r.principal, r.request_id) > (?, ?, ?)"
        " ORDER BY r.recorded_at, r.principal, r.request_id LIMIT ?",
        (until, until, *after, limit),
    )


def drop_requests(tx: Transaction, names: Sequence[Row]) -> None:
    """Forget these requests, by principal and request id."""
    tx.drop_named("request_log", ("principal", "request_id"), [(row[0], row[1]) for row in names])
