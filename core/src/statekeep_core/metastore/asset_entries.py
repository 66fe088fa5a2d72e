"""The entries of assets as everybody sees them; each change leaves a row in the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from statekeep_core._shared.state.messages import Entry

from . import asset_history, objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .key_range import KeyRange
    from .objects import Content
    from .stamp import Stamp
    from .transaction import Row, Transaction


class Ledger(NamedTuple):
    """Where the changes of an asset go: the asset, who makes them, and how many versions a key keeps."""

    asset_id: int
    stamp: Stamp
    keep_versions: int


_SELECT = (
    "SELECT {}, e.key, e.version, coalesce(size_bytes, length(e.value)), e.updated_at, e.expires_at,"
    " e.writer_principal, e.writer_try_number, i.dag_id, i.run_id, i.task_id, i.map_index, {}"
    " FROM asset_entries e LEFT JOIN task_instances i ON i.instance_id = e.writer_instance_id" + objects.JOIN
)
_LIVE = " WHERE asset_id = ? AND (expires_at IS NULL OR expires_at > ?)"
_COUNT = "SELECT count(*) FROM asset_entries"
_KEYS = "SELECT key FROM asset_entries"
_WITH_VALUE = _SELECT.format("e.value", objects.COLUMNS) + _LIVE
_WITHOUT_VALUE = _SELECT.format("NULL", "NULL") + _LIVE


def _entry(row: Row) -> Entry:
    value, key, version, size_bytes, updated_at, expires_at = row[:6]
    writer = asset_history.writer_of(row[6:12])
    external = None if row[12] is None else objects.external_of(row[12:])
    return Entry(key, value or b"", version, size_bytes, updated_at, expires_at, writer, external=external)


def get(tx: Transaction, asset_id: int, key: str) -> Entry | None:
    """Return the entry, or None when there is none that has not expired."""
    row = tx.row(_WITH_VALUE + " AND key = ?", (asset_id, tx.now.wall_us, key))
    return None if row is None else _entry(row)


def put(
    tx: Transaction, ledger: Ledger, key: str, content: Content, expires_at: int | None, change: str = "set"
) -> int:
    """Write an entry over whatever was there, and return its version. Raises what naming an object raises."""
    value, object_id = objects.wire_fields(content)[0], objects.number_of(tx, content)
    version = tx.draw_version()
    tx.run(
        "INSERT INTO asset_entries (asset_id, key, value, object_id, version, updated_at, expires_at,"
        " writer_principal, writer_instance_id, writer_try_number) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (asset_id, key) DO UPDATE SET value = excluded.value, object_id = excluded.object_id,"
        " version = excluded.version,"
        " updated_at = excluded.updated_at, expires_at = excluded.expires_at,"
        " writer_principal = excluded.writer_principal, writer_instance_id = excluded.writer_instance_id,"
        " writer_try_number = excluded.writer_try_number",
        (ledger.asset_id, key, value, object_id, version, tx.now.wall_us, expires_at, *ledger.stamp),
    )
    asset_history.add(tx, ledger.asset_id, key, version, change, content, ledger.stamp, ledger.keep_versions)
    return version


def remove(tx: Transaction, ledger: Ledger, key: str, change: str) -> None:
    """Remove an entry that is there; the change has a version of its own."""
    tx.run("DELETE FROM asset_entries WHERE asset_id = ? AND key = ?", (ledger.asset_id, key))
    version = tx.draw_version()
    asset_history.add(tx, ledger.asset_id, key, version, change, None, ledger.stamp, ledger.keep_versions)


def count(tx: Transaction, asset_id: int) -> int:
    """Return how many entries there are that have not expired."""
    [(number,)] = tx.rows(_COUNT + _LIVE, (asset_id, tx.now.wall_us))
    return int(number)


def keys(tx: Transaction, asset_id: int) -> list[str]:
    """Return the keys of every entry that has not expired, in order."""
    rows = tx.rows(_KEYS + _LIVE + " ORDER BY key", (asset_id, tx.now.wall_us))
    return [row[0] for row in rows]


def page(
    tx: Transaction,
    asset_id: int,
    within: KeyRange,
    limit: int,
    *,
    with_values: bool,
    but: Sequence[str] = (),
) -> list[Entry]:
    """Return up to ``limit`` entries in the order of their keys, ``but`` not those under these."""
    condition, parameters = within.condition()
    select = _WITH_VALUE if with_values else _WITHOUT_VALUE
    others = f" AND key NOT IN (SELECT listed.value FROM {tx.texts})" if but else ""
    rows = tx.rows(
        f"{select} AND {condition}{others} ORDER BY key LIMIT ?",
        (asset_id, tx.now.wall_us, *parameters, *([tx.listed(but)] if but else []), limit),
    )
    return [_entry(row) for row in rows]
