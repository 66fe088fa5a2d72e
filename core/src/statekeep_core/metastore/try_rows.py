"""Tries as people list them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from statekeep_core._shared.state.messages import TaskAddress, TryRow

if TYPE_CHECKING:
    from .transaction import Row, Transaction

# Whoever asks under a task's names may write a text of any length there, and a page has a thousand of them.
_SELECT = (
    "SELECT i.dag_id, i.run_id, i.task_id, i.map_index, t.try_number, t.status, t.started_at, t.finished_at,"
    " t.exit_status, substr(t.reason, 1, 1000), substr(t.supervisor, 1, 1000),"
    " t.lease_boot_id = ? AND t.lease_until > ?"
    " FROM {} t JOIN task_instances i USING (instance_id)"
)
# No index leads from a run or a task to its instances, or a million of them would be read for a few tries.
MOST_LOOKED_AT = 100_000
_RECENT = f"(SELECT * FROM tries ORDER BY started_at DESC LIMIT {MOST_LOOKED_AT})"
_COLUMNS = ("dag_id", "run_id", "task_id", "map_index")
_NEWEST_FIRST = " ORDER BY t.started_at DESC, t.instance_id DESC, t.try_number DESC LIMIT ?"

# The four names of a task instance; None matches all.
NameFilter = tuple[str | None, str | None, str | None, int | None]


def newest(tx: Transaction, names: NameFilter, limit: int) -> tuple[TryRow, ...]:
    """Return tries, the one that started last first.

    By run, task or map index alone, without a dag, only those among the 100,000 that started last.
    """
    given = {column: name for column, name in zip(_COLUMNS, names, strict=True) if name is not None}
    where = " WHERE " + " AND ".join(f"i.{column} = ?" for column in given) if given else ""
    parameters = (tx.now.boot_id, tx.now.boot_us, *given.values(), limit)
    select = _SELECT.format(_RECENT if given and "dag_id" not in given else "tries")
    return tuple(map(_try_row, tx.rows(select + where + _NEWEST_FIRST, parameters)))


def _try_row(row: Row) -> TryRow:
    *_, has_lease = row
    status = "lapsed" if row[5] == "running" and not has_lease else row[5]
    return TryRow(TaskAddress(*row[:4]), row[4], status, *row[6:11])
