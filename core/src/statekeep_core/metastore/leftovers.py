"""Rows that nothing needs any more, found and removed a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from statekeep_core._shared.state.messages import TaskAddress

from . import asset_entries, asset_history
from .asset_entries import Ledger
from .stamp import SWEEP
from .tries import InstanceRecord

if TYPE_CHECKING:
    from .transaction import Transaction


class LogCursor(NamedTuple):
    """The last row of the request log that was looked at."""

    recorded_at: int = -1
    principal: str = ""
    request_id: str = ""


def drop_expired_task_entries(tx: Transaction, limit: int) -> int:
    """Remove up to ``limit`` task entries whose own retention is over; return how many."""
    return tx.run(
        "DELETE FROM task_entries WHERE rowid IN"
        " (SELECT rowid FROM task_entries WHERE expires_at <= ? LIMIT ?)",
        (tx.now.wall_us, limit),
    )


def instances_with_entries(tx: Transaction, after_id: int, limit: int) -> list[InstanceRecord]:
    """Return up to ``limit`` instances that hold entries, in the order of their ids.

    Steps from one instance to the next through the key of the table, so neither the many entries of one
    nor the many instances that hold none cost anything.
    """
    rows = tx.rows(
        "WITH RECURSIVE holders (instance_id) AS ("
        " SELECT min(instance_id) FROM task_entries WHERE instance_id > ?"
        " UNION ALL SELECT (SELECT min(e.instance_id) FROM task_entries e"
        " WHERE e.instance_id > holders.instance_id) FROM holders WHERE holders.instance_id IS NOT NULL"
        " LIMIT ?)"
        " SELECT i.instance_id, i.ti_id, i.dag_id, i.run_id, i.task_id, i.map_index, i.current_try,"
        " i.last_active_at, i.succeeded_at FROM holders CROSS JOIN task_instances i USING (instance_id)",
        (after_id, limit),
    )
    return [InstanceRecord(row[0], row[1], TaskAddress(*row[2:6]), *row[6:9]) for row in rows]


def drop_expired_asset_entries(tx: Transaction, limit: int, keep_versions: int) -> int:
    """Remove up to ``limit`` expired asset entries, each with a row in the history; return how many."""
    rows = tx.rows(
        "SELECT asset_id, key FROM asset_entries WHERE expires_at <= ? LIMIT ?", (tx.now.wall_us, limit)
    )
    for asset_id, key in rows:
        asset_entries.remove(tx, Ledger(asset_id, SWEEP, keep_versions), key, "sweep")
    return len(rows)


def oldest_orphan(tx: Transaction, deactivated_until: int) -> int | None:
    """Return the asset that was deactivated first, no later than this, and is not swept yet; or None."""
    row = tx.row(
        "SELECT asset_id FROM assets WHERE deactivated_at IS NOT NULL AND swept_at IS NULL"
        " AND deactivated_at <= ? ORDER BY deactivated_at LIMIT 1",
        (deactivated_until,),
    )
    return None if row is None else int(row[0])


def drop_orphan(tx: Transaction, asset_id: int, limit: int, keep_versions: int) -> int:
    """Remove up to ``limit`` rows of an inactive asset: its entries, then the values in its history.

    What is left in the end is a row per key that says that it was swept, and the asset counts as swept.
    Returns how many entries it removed.
    """
    rows = tx.rows("SELECT key FROM asset_entries WHERE asset_id = ? LIMIT ?", (asset_id, limit))
    for (key,) in rows:
        asset_entries.remove(tx, Ledger(asset_id, SWEEP, keep_versions), key, "sweep")
    room = limit - len(rows)
    if asset_history.drop_values(tx, asset_id, room) < room:
        tx.run("UPDATE assets SET swept_at = ? WHERE asset_id = ?", (tx.now.wall_us, asset_id))
    return len(rows)


def drop_old_requests(
    tx: Transaction, until: int, cursor: LogCursor, limit: int
) -> tuple[int, LogCursor | None]:
    """Look at up to ``limit`` recorded requests from ``cursor`` on, and remove those that nobody can repeat.

    They were recorded no later than ``until``, and their try, if they have one, ended no later either.
    Returns how many were removed and where to go on (None: that was all).
    """
    rows = tx.rows(
        "SELECT r.recorded_at, r.principal, r.request_id, t.instance_id IS NULL OR t.finished_at <= ?"
        " FROM request_log r LEFT JOIN tries t USING (instance_id, try_number)"
        " WHERE r.recorded_at <= ? AND (r.recorded_at, r.principal, r.request_id) > (?, ?, ?)"
        " ORDER BY r.recorded_at, r.principal, r.request_id LIMIT ?",
        (until, until, *cursor, limit),
    )
    old = [row[1:3] for row in rows if row[3]]
    for principal, request_id in old:
        tx.run("DELETE FROM request_log WHERE principal = ? AND request_id = ?", (principal, request_id))
    return len(old), LogCursor(*rows[-1][:3]) if len(rows) == limit else None
