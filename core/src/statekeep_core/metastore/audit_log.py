"""What people and supervisors did beside the entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from statekeep_core._shared.state.messages import Writer

    from .transaction import Transaction


def add(tx: Transaction, writer: Writer, action: str, asset_id: int | None = None, detail: str = "") -> None:
    """Add a row in the transaction of what it tells of."""
    tx.run(
        "INSERT INTO audit_log (recorded_at, principal, action, asset_id, detail) VALUES (?, ?, ?, ?, ?)",
        (tx.now.wall_us, writer.principal, action, asset_id, detail),
    )
