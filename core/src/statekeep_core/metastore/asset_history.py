"""Every change of asset state, the newest few of each key."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from statekeep_core._shared.state.messages import Change, External, TaskAddress, Writer

from . import objects

if TYPE_CHECKING:
    from .objects import Content
    from .stamp import Stamp
    from .transaction import Row, Transaction


def add(
    tx: Transaction,
    asset_id: int,
    key: str,
    version: int,
    change: str,
    content: Content | None,
    stamp: Stamp,
    keep_versions: int,
) -> None:
    """Add a row for a change, and forget the key's rows beyond the ``keep_versions`` newest.

    What lies in a plain backend is left out: the next set overwrites it in place.
    """
    kept = None if isinstance(content, External) and content.is_plain else content
    value = kept if isinstance(kept, bytes) else None
    tx.run(
        "INSERT INTO asset_history (asset_id, key, version, change, value, object_id, changed_at,"
        " writer_principal, writer_instance_id, writer_try_number) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (asset_id, key, version, change, value, objects.number_of(tx, kept), tx.now.wall_us, *stamp),
    )
    tx.run(
        "DELETE FROM asset_history WHERE asset_id = ? AND key = ? AND version <= (SELECT version"
        " FROM asset_history WHERE asset_id = ? AND key = ? ORDER BY version DESC LIMIT 1 OFFSET ?)",
        (asset_id, key, asset_id, key, keep_versions),
    )


_SELECT = (
    "SELECT h.key, h.version, h.change, h.changed_at, h.value, h.writer_principal, h.writer_try_number,"
    f" i.dag_id, i.run_id, i.task_id, i.map_index, {objects.COLUMNS} FROM asset_history h"
    f" LEFT JOIN task_instances i ON i.instance_id = h.writer_instance_id{objects.JOIN}"
)


class Span(NamedTuple):
    """Which rows are looked for: of a key, or of all keys (None), before a version."""

    asset_id: int
    key: str | None
    before: int

    @property
    def condition(self) -> str:
        return " WHERE h.asset_id = ? AND h.version < ?" + ("" if self.key is None else " AND h.key = ?")

    @property
    def parameters(self) -> tuple[int | str, ...]:
        return (self.asset_id, self.before) if self.key is None else (self.asset_id, self.before, self.key)


def sizes(tx: Transaction, span: Span, limit: int) -> list[tuple[int, int]]:
    """Return version and size in bytes of the kept changes, newest first, without reading their values."""
    sql = (
        "SELECT h.version, coalesce(length(h.value), length(reference), 0) FROM asset_history h"
        + objects.JOIN
        + span.condition
        + " ORDER BY h.version DESC LIMIT ?"
    )
    return [(version, size_bytes) for version, size_bytes in tx.rows(sql, (*span.parameters, limit))]


def since(tx: Transaction, span: Span, version: int) -> tuple[Change, ...]:
    """Return the kept changes from a version on, newest first. Values of older ones are not read."""
    rows = tx.rows(
        _SELECT + span.condition + " AND h.version >= ? ORDER BY h.version DESC", (*span.parameters, version)
    )
    return tuple(_change(row) for row in rows)


def _change(row: Row) -> Change:
    external = None if row[11] is None else objects.external_of(row[11:])
    return Change(row[0], row[1], row[2], row[3], row[4], writer_of(row[5:11]), external)


def content_at(tx: Transaction, asset_id: int, key: str, version: int) -> tuple[str, Content | None] | None:
    """Return the change that has this version and what it left; None when it is not kept."""
    row = tx.row(
        f"SELECT change, value, {objects.COLUMNS} FROM asset_history{objects.JOIN}"
        " WHERE asset_id = ? AND key = ? AND version = ?",
        (asset_id, key, version),
    )
    return None if row is None else (row[0], objects.content_of(row[1], row[2:]))


def drop_values(tx: Transaction, asset_id: int, limit: int) -> int:
    """Remove up to ``limit`` rows of an asset other than those of the sweep; return how many."""
    return tx.run(
        "DELETE FROM asset_history WHERE (asset_id, key, version) IN (SELECT asset_id, key, version"
        " FROM asset_history WHERE asset_id = ? AND change <> 'sweep' LIMIT ?)",
        (asset_id, limit),
    )


def writer_of(columns: Row) -> Writer:
    """Return a writer from its principal, try number and task's four names (all None without one)."""
    principal, try_number, *task = columns
    return Writer(principal, None if try_number is None else TaskAddress(*task), try_number)
