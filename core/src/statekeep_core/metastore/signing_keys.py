"""The keys that task tokens are signed with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .transaction import Transaction


_NAME_BYTES = 8
_SECRET_BYTES = 32


class SigningKey(NamedTuple):
    """A secret, and the name that tokens know it by."""

    key_id: str
    secret: bytes
    created_at: int


def make(tx: Transaction) -> None:
    """Make a key that signs from now on; tokens of the older ones are good until those are removed."""
    add(tx, os.urandom(_NAME_BYTES).hex(), os.urandom(_SECRET_BYTES))


def add(tx: Transaction, key_id: str, secret: bytes) -> None:
    """Add a key; it signs from now on."""
    tx.run("INSERT INTO signing_keys VALUES (?, ?, ?)", (key_id, secret, tx.now.wall_us))


def every(tx: Transaction) -> list[SigningKey]:
    """Return all keys, the one that signs first."""
    found = tx.rows("SELECT key_id, secret, created_at FROM signing_keys ORDER BY created_at DESC, key_id")
    return [SigningKey(*row) for row in found]


def remove_older(tx: Transaction, created_before_us: int) -> int:
    """Remove the keys that were made before an instant, and return how many there were; never the newest."""
    newest = every(tx)[:1]
    return tx.run(
        "DELETE FROM signing_keys WHERE created_at < ? AND key_id <> ?",
        (created_before_us, newest[0].key_id if newest else ""),
    )
