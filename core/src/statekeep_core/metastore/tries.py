"""Task instances and their tries, leases included."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from statekeep_core._shared.state.identity import ti_id_of
from statekeep_core._shared.state.messages import TaskAddress

if TYPE_CHECKING:
    from .clock import Instant
    from .transaction import Row, Transaction


class InstanceRecord(NamedTuple):
    """A task instance: who it is, and which of its tries is current (0: none has started)."""

    instance_id: int
    ti_id: str
    task: TaskAddress
    current_try_number: int
    last_active_at: int
    succeeded_at: int | None


class TryRecord(NamedTuple):
    """One try, beside its instance's current try number."""

    task: TaskAddress
    ti_id: str
    current_try_number: int
    try_number: int
    status: str
    supervisor: str
    finished_at: int | None
    finish_reply: str | None
    lease_boot_id: str
    lease_until: int
    sending_floor: int
    holder_digest: bytes | None

    def lease_left_us(self, now: Instant) -> int:
        """Return how much of the lease is left, in microseconds; none is when the machine has restarted."""
        return max(0, self.lease_until - now.boot_us) if self.lease_boot_id == now.boot_id else 0


_INSTANCE = (
    "SELECT instance_id, ti_id, dag_id, run_id, task_id, map_index, current_try, last_active_at, succeeded_at"
    " FROM task_instances WHERE "
)
_MAPPED = "dag_id = ? AND run_id = ? AND task_id = ? ORDER BY instance_id"


def _instance(row: Row) -> InstanceRecord:
    return InstanceRecord(row[0], row[1], TaskAddress(*row[2:6]), *row[6:9])


def find_instance(tx: Transaction, task: TaskAddress) -> InstanceRecord | None:
    """Return the task instance with these four names, or None when nothing was written or run for it.

    In a transaction that writes, nobody else changes it any more.
    """
    row = tx.row(f"{_INSTANCE}ti_id = ?{tx.held}", (ti_id_of(*task),))
    return None if row is None else _instance(row)


def number_of(tx: Transaction, task: TaskAddress) -> int | None:
    """Return the id of the task instance, which is not held, or None."""
    row = tx.row("SELECT instance_id FROM task_instances WHERE ti_id = ?", (ti_id_of(*task),))
    return None if row is None else int(row[0])


def current_number(tx: Transaction, instance_id: int) -> int:
    """Return the number of the instance's current try; 0 when none has started."""
    [(number,)] = tx.rows("SELECT current_try FROM task_instances WHERE instance_id = ?", (instance_id,))
    return int(number)


def find_mapped(tx: Transaction, task: TaskAddress) -> list[InstanceRecord]:
    """Return every instance that differs from ``task`` in its map index at most; held, like one."""
    return [_instance(row) for row in tx.rows(f"{_INSTANCE}{_MAPPED}{tx.held}", task[:3])]


def create_instance(tx: Transaction, task: TaskAddress) -> InstanceRecord:
    """Add a task instance that has no try yet; if another transaction has just done so, return that."""
    ti_id = ti_id_of(*task)
    [row] = tx.rows(
        "INSERT INTO task_instances"
        " (ti_id, dag_id, run_id, task_id, map_index, current_try, last_active_at)"
        " VALUES (?, ?, ?, ?, ?, 0, ?) ON CONFLICT (ti_id) DO UPDATE SET ti_id = excluded.ti_id"
        " RETURNING instance_id, current_try, last_active_at, succeeded_at",
        (ti_id, *task, tx.now.wall_us),
    )
    return InstanceRecord(row[0], ti_id, task, *row[1:])


def find(tx: Transaction, instance_id: int, try_number: int) -> TryRecord | None:
    """Return one try, or None."""
    row = tx.row(
        "SELECT i.dag_id, i.run_id, i.task_id, i.map_index, i.ti_id, i.current_try, t.try_number, t.status,"
        " t.supervisor, t.finished_at, t.finish_reply, t.lease_boot_id, t.lease_until, t.sending_floor,"
        " t.holder_digest FROM tries t JOIN task_instances i USING (instance_id)"
        " WHERE t.instance_id = ? AND t.try_number = ?",
        (instance_id, try_number),
    )
    return None if row is None else TryRecord(TaskAddress(*row[:4]), *row[4:])


def begin(
    tx: Transaction,
    instance_id: int,
    try_number: int,
    supervisor: str,
    lease_us: int,
    holder_digest: bytes | None = None,
) -> None:
    """Add a running try and make it the current one; the instance no longer counts as succeeded."""
    until = tx.now.boot_us + lease_us
    tx.run(
        "INSERT INTO tries (instance_id, try_number, status, supervisor, started_at, lease_boot_id,"
        " lease_until, holder_digest) VALUES (?, ?, 'running', ?, ?, ?, ?, ?)",
        (instance_id, try_number, supervisor, tx.now.wall_us, tx.now.boot_id, until, holder_digest),
    )
    tx.run(
        "UPDATE task_instances SET current_try = ?, last_active_at = ?, succeeded_at = NULL"
        " WHERE instance_id = ?",
        (try_number, tx.now.wall_us, instance_id),
    )


def renew_lease(tx: Transaction, instance_id: int, try_number: int, lease_us: int) -> None:
    """Let the lease run for ``lease_us`` from now."""
    tx.run(
        "UPDATE tries SET lease_boot_id = ?, lease_until = ? WHERE instance_id = ? AND try_number = ?",
        (tx.now.boot_id, tx.now.boot_us + lease_us, instance_id, try_number),
    )


def raise_sending_floor(tx: Transaction, instance_id: int, try_number: int, floor: int) -> None:
    """Take no sending of the try below this number any more; a floor that is higher stays."""
    tx.run(
        "UPDATE tries SET sending_floor = ? WHERE instance_id = ? AND try_number = ? AND sending_floor < ?",
        (floor, instance_id, try_number, floor),
    )


def end(
    tx: Transaction,
    instance_id: int,
    try_number: int,
    *,
    status: str,
    exit_status: int | None = None,
    reason: str | None = None,
    finish_reply: str | None = None,
) -> None:
    """Record how a try ended. A success is the instance's too, and its default retention counts from it."""
    tx.run(
        "UPDATE tries SET status = ?, finished_at = ?, exit_status = ?, reason = ?, finish_reply = ?"
        " WHERE instance_id = ? AND try_number = ?",
        (status, tx.now.wall_us, exit_status, reason, finish_reply, instance_id, try_number),
    )
    succeeded_at = tx.now.wall_us if status == "succeeded" else None
    tx.run(
        "UPDATE task_instances SET last_active_at = ?, succeeded_at = ? WHERE instance_id = ?",
        (tx.now.wall_us, succeeded_at, instance_id),
    )
