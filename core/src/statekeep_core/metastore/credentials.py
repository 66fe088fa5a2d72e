"""The credentials of workers and of people, by the SHA-256 of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from statekeep_core._shared.state.errors import InvalidRequestError

if TYPE_CHECKING:
    from .transaction import Transaction

WORKER = "worker"
OPERATOR = "operator"


class CredentialRecord(NamedTuple):
    """One credential. Instants are microseconds since the Unix epoch; None: not, so far."""

    name: str
    digest: bytes
    role: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None

    def is_live(self, now_us: int) -> bool:
        """Return whether it opens anything at this instant."""
        return self.revoked_at is None and (self.expires_at is None or now_us < self.expires_at)


def add(tx: Transaction, name: str, digest: bytes, role: str, expires_at: int | None) -> None:
    """Add a credential. Raises :class:`InvalidRequestError` when there is one by this name, or was."""
    if tx.row("SELECT 1 FROM credentials WHERE name = ?", (name,)) is not None:
        raise InvalidRequestError(
            what=f"credential {name}",
            problem="has a name that another has, or had before it was revoked",
            remedy="give it another name",
        )
    tx.run(
        "INSERT INTO credentials VALUES (?, ?, ?, ?, ?, NULL)",
        (name, digest, role, tx.now.wall_us, expires_at),
    )


def every(tx: Transaction) -> list[CredentialRecord]:
    """Return all credentials that ever were, in the order of their names."""
    return [CredentialRecord(*row) for row in tx.rows("SELECT * FROM credentials ORDER BY name")]


def remove(tx: Transaction, name: str) -> None:
    """Forget a credential whose text nobody has. Its name may be given again."""
    tx.run("DELETE FROM credentials WHERE name = ?", (name,))


def revoke(tx: Transaction, name: str) -> bool:
    """Let a credential open nothing any more; return whether there is one by this name. Twice is fine."""
    tx.run(
        "UPDATE credentials SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL", (tx.now.wall_us, name)
    )
    return tx.row("SELECT 1 FROM credentials WHERE name = ?", (name,)) is not None
