"""Requests that took effect, with what they were answered, so that a repeated one takes effect once."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from . import replies

if TYPE_CHECKING:
    from statekeep_core._shared.state.wire import Plain

    from .transaction import Transaction


class Recorded(NamedTuple):
    """A request that took effect: the digest of what was asked, and the reply."""

    digest: bytes
    reply: Any


def digest_of(request: Plain) -> bytes:
    """Return the SHA-256 of a request's plain form, whatever the order of its fields."""
    text = json.dumps(request, sort_keys=True, default=lambda value: value.hex())
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def find(tx: Transaction, principal: str, request_id: str) -> Recorded | None:
    """Return the record of a request, or None when it has not taken effect."""
    row = tx.row(
        "SELECT digest, reply FROM request_log WHERE principal = ? AND request_id = ?",
        (principal, request_id),
    )
    return None if row is None else Recorded(row[0], replies.load(row[1]))


def add(
    tx: Transaction, principal: str, request_id: str, recorded: Recorded, of_try: tuple[int, int] | None
) -> None:
    """Remember a request in the transaction of its effect; ``of_try`` is its instance id and try number."""
    instance_id, try_number = of_try or (None, None)
    tx.run(
        "INSERT INTO request_log VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            principal,
            request_id,
            recorded.digest,
            replies.dump(recorded.reply),
            tx.now.wall_us,
            instance_id,
            try_number,
        ),
    )
