"""The entries of task instances: one row per key, no history."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from statekeep_core._shared.state.messages import Entry, TaskAddress, Writer

from . import objects

if TYPE_CHECKING:
    from .key_range import KeyRange
    from .objects import Content
    from .stamp import Stamp
    from .transaction import Row, Transaction

_NEVER_GONE = -1


class Tenure(NamedTuple):
    """One instance, and how long those of its entries live for which no retention was asked.

    ``default_retention_us`` counts from ``counts_from_at`` or from the entry's own write, whichever is
    later; None keeps them for ever.
    """

    instance_id: int
    task: TaskAddress
    counts_from_at: int = 0
    default_retention_us: int | None = None

    def expires_at(self, updated_at: int) -> int | None:
        """Return when an entry without a retention of its own expires."""
        if self.default_retention_us is None:
            return None
        return max(self.counts_from_at, updated_at) + self.default_retention_us

    def gone_until(self, now_us: int) -> int:
        """Return the instant up to which such entries were written that are gone by now."""
        if self.default_retention_us is None or self.counts_from_at + self.default_retention_us > now_us:
            return _NEVER_GONE
        return now_us - self.default_retention_us


class Expiry(NamedTuple):
    """When an entry expires: at an instant, never (None), or when the instance's tenure says."""

    expires_at: int | None = None
    by_default: bool = False


_LIVE = (
    " WHERE instance_id = ? AND (expires_at IS NULL OR expires_at > ?)"
    " AND (keeps_default = 0 OR updated_at > ?)"
)
_SELECT = (
    "SELECT {}, key, version, coalesce(size_bytes, length(value)), updated_at, expires_at, keeps_default,"
    " writer_try_number, writer_principal, {} FROM task_entries" + objects.JOIN
)
_COUNT = "SELECT count(*) FROM task_entries"
_DELETE = "DELETE FROM task_entries"
_WITH_VALUE = _SELECT.format("value", objects.COLUMNS) + _LIVE
_WITHOUT_VALUE = _SELECT.format("NULL", "NULL") + _LIVE


def _live(tx: Transaction, tenure: Tenure) -> tuple[int, int, int]:
    now_us = tx.now.wall_us
    return tenure.instance_id, now_us, tenure.gone_until(now_us)


def _entry(row: Row, tenure: Tenure) -> Entry:
    value, key, version, size_bytes, updated_at, expires_at, keeps_default, try_number, principal = row[:9]
    return Entry(
        key,
        value or b"",
        version,
        size_bytes,
        updated_at,
        tenure.expires_at(updated_at) if keeps_default else expires_at,
        Writer(principal, None if try_number is None else tenure.task, try_number),
        external=None if row[9] is None else objects.external_of(row[9:]),
    )


def get(tx: Transaction, tenure: Tenure, key: str) -> Entry | None:
    """Return the entry, or None when there is none that has not expired."""
    row = tx.row(_WITH_VALUE + " AND key = ?", (*_live(tx, tenure), key))
    return None if row is None else _entry(row, tenure)


def put(tx: Transaction, instance_id: int, key: str, content: Content, expiry: Expiry, stamp: Stamp) -> int:
    """Write an entry over whatever was there, and return its version. Raises what naming an object raises."""
    version = tx.draw_version()
    tx.run(
        "INSERT INTO task_entries (instance_id, key, value, object_id, version, updated_at, keeps_default,"
        " expires_at, writer_try_number, writer_principal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (instance_id, key) DO UPDATE SET value = excluded.value,"
        " object_id = excluded.object_id, version = excluded.version,"
        " updated_at = excluded.updated_at, keeps_default = excluded.keeps_default,"
        " expires_at = excluded.expires_at, writer_try_number = excluded.writer_try_number,"
        " writer_principal = excluded.writer_principal",
        (
            instance_id,
            key,
            objects.wire_fields(content)[0],
            objects.number_of(tx, content),
            version,
            tx.now.wall_us,
            int(expiry.by_default),
            expiry.expires_at,
            stamp.try_number,
            stamp.principal,
        ),
    )
    return version


def delete(tx: Transaction, tenure: Tenure, key: str) -> int:
    """Remove an entry; return 1, or 0 when there was none that had not expired."""
    return tx.run(_DELETE + _LIVE + " AND key = ?", (*_live(tx, tenure), key))


def count(tx: Transaction, tenure: Tenure) -> int:
    """Return how many entries there are that have not expired."""
    [(number,)] = tx.rows(_COUNT + _LIVE, _live(tx, tenure))
    return int(number)


def clear(tx: Transaction, instance_id: int) -> None:
    """Remove every entry of an instance, expired ones included."""
    tx.run("DELETE FROM task_entries WHERE instance_id = ?", (instance_id,))


def page(tx: Transaction, tenure: Tenure, keys: KeyRange, limit: int, *, with_values: bool) -> list[Entry]:
    """Return up to ``limit`` entries in the order of their keys."""
    condition, parameters = keys.condition()
    rows = tx.rows(
        f"{_WITH_VALUE if with_values else _WITHOUT_VALUE} AND {condition} ORDER BY key LIMIT ?",
        (*_live(tx, tenure), *parameters, limit),
    )
    return [_entry(row, tenure) for row in rows]


def drop_expired(tx: Transaction, tenure: Tenure) -> int:
    """Remove the entries of an instance that have expired; return how many.

    Before a rerun lifts the default retention this has to run, or what was gone would be there again.
    """
    _, now_us, gone_until = _live(tx, tenure)
    return tx.run(
        "DELETE FROM task_entries WHERE instance_id = ?"
        " AND (expires_at <= ? OR (keeps_default = 1 AND updated_at <= ?))",
        (tenure.instance_id, now_us, gone_until),
    )
