"""Who a store is: its id, under which its objects lie, and the ids that it had before it was copied."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from . import signing_keys
from .objects import INHERITED, LAST_INHERITED

if TYPE_CHECKING:
    from .transaction import Transaction

_ID_BYTES = 16
_ENDED_BECAUSE = "the store was restored or copied, and has a new id"


class FormerId(NamedTuple):
    """An id that the store had. ``named_objects``: how many that lie under it the store's records name."""

    store_id: str
    renewed_at: int
    named_objects: int


class Renewed(NamedTuple):
    """What a renewal did."""

    former_id: str
    store_id: str
    ended_tries: int
    inherited_objects: int


def new_id() -> str:
    """Return an id that no other store has: 128 random bits."""
    return os.urandom(_ID_BYTES).hex()


def renew(tx: Transaction) -> Renewed:
    """Make a copy of a store a store of its own, which shares with the original what it reads only.

    It gets a new id; new objects lie under that. Those that it has by now are read as before, and nobody
    ever deletes one for it: the original may name them.

    Tries that were running are superseded, and what they staged is dropped: their supervisors serve the
    original, or what the backup forgot, and would write under its id. Task tokens of the original open
    nothing here, because the number of a try may stand for another one there.
    """
    tx.locks.hold_store()
    former_id, store_id = tx.store_id(), new_id()
    ended_tries = _end_tries(tx)
    last_object_id = _inherit_objects(tx)
    tx.run(
        "INSERT INTO former_store_ids (renewal, store_id, last_object_id, renewed_at)"
        " SELECT count(*) + 1, ?, ?, ? FROM former_store_ids",
        (former_id, last_object_id, tx.now.wall_us),
    )
    tx.run("UPDATE store SET store_id = ?", (store_id,))
    _replace_signing_keys(tx)
    [(inherited,)] = tx.rows(
        "SELECT count(*) FROM external_objects WHERE object_id <= ? AND records > 0", (last_object_id,)
    )
    return Renewed(former_id, store_id, ended_tries, int(inherited))


def former_ids(tx: Transaction) -> list[FormerId]:
    """Return the ids that the store had before, the first one first. Reads all objects under them."""
    rows = tx.rows("SELECT store_id, renewed_at, last_object_id FROM former_store_ids ORDER BY renewal")
    found = []
    after = 0
    for store_id, renewed_at, last_object_id in rows:
        [(named,)] = tx.rows(
            "SELECT count(*) FROM external_objects WHERE object_id > ? AND object_id <= ? AND records > 0",
            (after, last_object_id),
        )
        found.append(FormerId(store_id, renewed_at, named))
        after = last_object_id
    return found


def _end_tries(tx: Transaction) -> int:
    tx.run("DELETE FROM staged_operations")
    # Not failed: who finishes a failed try is answered as if it were not finished yet.
    return tx.run(
        "UPDATE tries SET status = 'superseded', finished_at = ?, reason = ?, staged_operations = 0,"
        " staged_bytes = 0 WHERE status = 'running'",
        (tx.now.wall_us, _ENDED_BECAUSE),
    )


def _inherit_objects(tx: Transaction) -> int:
    """Let nothing that is queued be deleted, and return the number of the last object that there is."""
    tx.run("UPDATE external_objects SET due_at = ? WHERE due_at IS NOT NULL", (INHERITED,))
    [(last_object_id,)] = tx.rows(
        f"SELECT coalesce(max(object_id), ({LAST_INHERITED})) FROM external_objects"
    )
    return int(last_object_id)


def _replace_signing_keys(tx: Transaction) -> None:
    if tx.run("DELETE FROM signing_keys"):
        signing_keys.make(tx)
