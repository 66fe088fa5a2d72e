"""What must hold between the rows of a store, recounted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import apsw

if TYPE_CHECKING:
    from .transaction import Transaction


class Fault(NamedTuple):
    """Something that does not hold, and for how many rows."""

    what: str
    rows: int


_NAMING = ("task_entries", "asset_entries", "asset_history", "staged_operations")
_NAMES = " UNION ALL ".join(f"SELECT object_id FROM {table} WHERE object_id IS NOT NULL" for table in _NAMING)
# Not NOT IN, which PostgreSQL answers row by row when the list does not fit into its memory.
_WITHOUT = "SELECT count(*) FROM {} AS r WHERE NOT EXISTS (SELECT 1 FROM {} AS o WHERE {})"
_INSTANCE = ("task_instances", "o.instance_id = r.instance_id")
_ASSET = ("assets", "o.asset_id = r.asset_id")
_TRY = ("tries", "o.instance_id = r.instance_id AND o.try_number = r.try_number")
_RUNNING_TRY = ("tries", f"{_TRY[1]} AND o.status = 'running'")

# Each counts rows that must not be; all are read through once, whatever the store's size.
_FAULTS = {
    "objects whose count of records is wrong": (
        "SELECT count(*) FROM external_objects e LEFT JOIN"
        f" (SELECT object_id, count(*) AS found FROM ({_NAMES}) AS named GROUP BY object_id) AS counted"
        " USING (object_id) WHERE e.records <> coalesce(counted.found, 0)"
    ),
    "records that name an object that is not known": _WITHOUT.format(
        f"({_NAMES})", "external_objects", "o.object_id = r.object_id"
    ),
    "objects that nothing names and that never fall due": (
        "SELECT count(*) FROM external_objects WHERE records = 0 AND coalesce(due_at, 0) = 0"
    ),
    "objects that are due although a record names them": (
        "SELECT count(*) FROM external_objects WHERE records > 0 AND due_at IS NOT NULL"
    ),
    "tries of no task instance": _WITHOUT.format("tries", *_INSTANCE),
    "task entries of no task instance": _WITHOUT.format("task_entries", *_INSTANCE),
    "asset entries of no asset": _WITHOUT.format("asset_entries", *_ASSET),
    "asset history of no asset": _WITHOUT.format("asset_history", *_ASSET),
    "grants of no try": _WITHOUT.format("asset_grants", *_TRY),
    "staged operations of no running try": _WITHOUT.format("staged_operations", *_RUNNING_TRY),
    "running tries that are not the current one": (
        "SELECT count(*) FROM tries JOIN task_instances USING (instance_id)"
        " WHERE status = 'running' AND try_number <> current_try"
    ),
}
# PostgreSQL draws versions from a sequence.
_FAULTS_OF_A_FILE = {
    f"rows of {table} with a version that was not drawn": (
        f"SELECT count(*) FROM {table} WHERE version > (SELECT last_version FROM store)"
    )
    for table in ("task_entries", "asset_entries", "asset_history")
}


def faults(tx: Transaction) -> list[Fault]:
    """Return what does not hold in a store of this release's schema. Reads all of it."""
    asked = _FAULTS if tx.is_shared else _FAULTS | _FAULTS_OF_A_FILE
    counted = ((what, tx.rows(sql)[0][0]) for what, sql in asked.items())
    return [Fault(what, int(rows)) for what, rows in counted if rows]


def damage(connection: apsw.Connection) -> list[str]:
    """Return what SQLite finds wrong with the file itself: its pages, and the types of its columns."""
    try:
        found = [str(row[0]) for row in connection.execute("PRAGMA quick_check")]
    except apsw.CorruptError as error:
        return [str(error)]
    return [] if found == ["ok"] else found
