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
_OF_INSTANCE = "instance_id NOT IN (SELECT instance_id FROM task_instances)"
_OF_ASSET = "asset_id NOT IN (SELECT asset_id FROM assets)"
_OF_NO_TRY = (
    "NOT EXISTS (SELECT 1 FROM tries t WHERE t.instance_id = r.instance_id AND t.try_number = r.try_number{})"
)

# Each counts rows that must not be; all are read through once, whatever the store's size.
_FAULTS = {
    "objects whose count of records is wrong": (
        "SELECT count(*) FROM external_objects e LEFT JOIN"
        f" (SELECT object_id, count(*) AS found FROM ({_NAMES}) AS named GROUP BY object_id) AS counted"
        " USING (object_id) WHERE e.records <> coalesce(counted.found, 0)"
    ),
    "records that name an object that is not known": (
        f"SELECT count(*) FROM ({_NAMES}) AS named"
        " WHERE object_id NOT IN (SELECT object_id FROM external_objects)"
    ),
    "objects that nothing names and that never fall due": (
        "SELECT count(*) FROM external_objects WHERE records = 0 AND coalesce(due_at, 0) = 0"
    ),
    "objects that are due although a record names them": (
        "SELECT count(*) FROM external_objects WHERE records > 0 AND due_at IS NOT NULL"
    ),
    "tries of no task instance": f"SELECT count(*) FROM tries WHERE {_OF_INSTANCE}",
    "task entries of no task instance": f"SELECT count(*) FROM task_entries WHERE {_OF_INSTANCE}",
    "asset entries of no asset": f"SELECT count(*) FROM asset_entries WHERE {_OF_ASSET}",
    "asset history of no asset": f"SELECT count(*) FROM asset_history WHERE {_OF_ASSET}",
    "grants of no try": f"SELECT count(*) FROM asset_grants r WHERE {_OF_NO_TRY.format('')}",
    "staged operations of no running try": (
        "SELECT count(*) FROM staged_operations r WHERE " + _OF_NO_TRY.format(" AND t.status = 'running'")
    ),
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
