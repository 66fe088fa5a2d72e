"""What one server at a time does for all: a name, who has it, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .transaction import Transaction


def take(tx: Transaction, name: str, holder: str, seconds: float) -> bool:
    """Have the lease for so long from now, and return True; False when somebody else has it.

    Whoever has it gets it again, for longer. What its holder does in the same transaction is done while
    nobody else can take it: a holder that was stopped and goes on late is refused first.
    """
    until = tx.now.boot_us + int(seconds * 1_000_000)
    changed = tx.run(
        "INSERT INTO leases (name, holder, boot_id, until) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, boot_id = excluded.boot_id,"
        " until = excluded.until"
        " WHERE leases.holder = excluded.holder OR leases.boot_id <> excluded.boot_id OR leases.until <= ?",
        (name, holder, tx.now.boot_id, until, tx.now.boot_us),
    )
    return changed == 1


def release(tx: Transaction, name: str, holder: str) -> None:
    """Let somebody else have the lease at once, if this holder has it."""
    tx.run("DELETE FROM leases WHERE name = ? AND holder = ?", (name, holder))
