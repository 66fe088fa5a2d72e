"""Storage keys of objects that an orphan sweep found and may have deleted: no write names one any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .transaction import Transaction

# A margin for clocks that were set back; what counts is which tries are still running.
_KEEP_US = 30 * 86_400 * 1_000_000


def unknown(tx: Transaction, storage_keys: Sequence[str]) -> tuple[str, ...]:
    """Return those under which the store knows no object of an immutable backend, in order."""
    rows = tx.rows(
        f"SELECT listed.value FROM {tx.texts} WHERE NOT EXISTS"
        " (SELECT 1 FROM external_objects e WHERE e.storage_key = listed.value AND e.digest IS NOT NULL)",
        (tx.listed(storage_keys),),
    )
    return tuple(row[0] for row in rows)


def add(tx: Transaction, storage_keys: Sequence[str]) -> None:
    """Condemn the storage keys; those that are already stay so."""
    tx.run(
        f"INSERT INTO condemned_objects SELECT listed.value, ? FROM {tx.texts} WHERE true"
        " ON CONFLICT (storage_key) DO NOTHING",
        (tx.now.wall_us, tx.listed(storage_keys)),
    )


def forget_old(tx: Transaction, limit: int) -> int:
    """Forget up to ``limit`` that were condemned more than 30 days ago; return how many.

    A storage key is drawn by the try that writes under it, before any sweep can find the object. So those are
    kept that were condemned after the oldest running try began, or less than 30 days before.
    """
    [(oldest_start_at,)] = tx.rows("SELECT min(started_at) FROM tries WHERE status = 'running'")
    until = tx.now.wall_us if oldest_start_at is None else min(tx.now.wall_us, oldest_start_at)
    return tx.run(
        "DELETE FROM condemned_objects WHERE storage_key IN (SELECT storage_key FROM condemned_objects"
        " WHERE condemned_at < ? ORDER BY condemned_at LIMIT ?)",
        (until - _KEEP_US, limit),
    )
