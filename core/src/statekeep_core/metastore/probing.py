"""Whether a store takes writes: only a write tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .transaction import Transaction


def probe(tx: Transaction) -> None:
    """Write something and put it back. Raises what any write meets, on a full disk among others."""
    # What is overwritten with itself SQLite does not write.
    tx.run("UPDATE store SET swept_at = swept_at + 1")
    tx.run("UPDATE store SET swept_at = swept_at - 1")
