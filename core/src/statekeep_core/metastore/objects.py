"""The objects in which worker-side backends keep values: known by number, counted by who names them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from statekeep_core._shared.state.errors import CondemnedError, InvalidRequestError
from statekeep_core._shared.state.messages import AssetAddress, External, TaskAddress

if TYPE_CHECKING:
    from statekeep_core._shared.state.messages import Entry

    from .transaction import Row, Transaction

# What a record holds: the encoded value, or where it lies.
Content = bytes | External

# A reader may have seen the record just before it was overwritten, and has so long to fetch the object.
DISPOSE_AFTER_US = 5 * 60 * 1_000_000

# Up to this number, objects lie under an id that the store had before it was copied (store_identity.py).
LAST_INHERITED = "SELECT coalesce(max(last_object_id), 0) FROM former_store_ids"
# The `due_at` of one of those that nothing names: it never falls due.
INHERITED = -1
_SETTLE = (
    f"UPDATE external_objects SET due_at = CASE WHEN object_id > ({LAST_INHERITED}) THEN {{}}"
    f" ELSE {INHERITED} END WHERE due_at = 0"
)
# A function of the schema, which looks first whether a trigger has noted anything (0008_settling.sql).
_SETTLE_SHARED = "SELECT settle_objects({})"

# For statements on a table that has an `object_id`: what `content_of` takes, and where it comes from.
COLUMNS = "reference, backend_id, storage_key, origin, size_bytes, digest"
JOIN = " LEFT JOIN external_objects USING (object_id)"


def content_of(value: bytes | None, object_columns: Row) -> Content | None:
    """Return what a row holds, from its value and its :data:`COLUMNS`."""
    return value if object_columns[0] is None else external_of(object_columns)


def external_of(columns: Row) -> External:
    """Return an object from its :data:`COLUMNS`."""
    reference, backend_id, storage_key, origin, size_bytes, digest = columns
    return External(reference, backend_id, storage_key, _address(origin), size_bytes, digest)


def entry_content(entry: Entry) -> Content:
    """Return what an entry holds."""
    value: bytes = entry.value
    return value if entry.external is None else entry.external


def wire_fields(content: Content | None) -> tuple[bytes, External | None]:
    """Return the content as messages carry it: the value (empty without one), and the object."""
    if isinstance(content, External):
        return b"", content
    return content or b"", None


def size_bytes(content: Content) -> int:
    """Return the size of the encoded value, wherever it lies."""
    return content.size_bytes if isinstance(content, External) else len(content)


def room_bytes(content: Content | None) -> int:
    """Return what the content takes in the store itself."""
    return len(content.reference) if isinstance(content, External) else len(content or b"")


def origin_text(origin: TaskAddress | AssetAddress) -> str:
    """Return an address as the table holds it."""
    return json.dumps(tuple(origin), separators=(",", ":"))


def _address(text: str) -> TaskAddress | AssetAddress:
    names = json.loads(text)
    return AssetAddress(*names) if len(names) == len(AssetAddress._fields) else TaskAddress(*names)


# --- naming ----------------------------------------------------------------------------------------------


def number_of(tx: Transaction, content: Content | None) -> int | None:
    """Return the number of the content's object, for a row that names it; None when it is a value.

    An object that is new is added, and goes with the transaction's end unless some row names it by then.
    Raises :class:`CondemnedError` for one that may be gone, and :class:`InvalidRequestError` for a storage
    key that is another object's.
    """
    if not isinstance(content, External):
        return None
    return _in_place(tx, content) if content.is_plain else _immutable(tx, content)


def _immutable(tx: Transaction, external: External) -> int:
    known = tx.row(
        f"SELECT object_id, leased_until, {COLUMNS} FROM external_objects"
        f" WHERE storage_key = ? AND digest IS NOT NULL{tx.held}",
        (external.storage_key,),
    )
    if known is None:
        tx.locks.hold_condemned(shared=True)
        if tx.row("SELECT 1 FROM condemned_objects WHERE storage_key = ?", (external.storage_key,)):
            raise CondemnedError(storage_key=external.storage_key)
        return _add(tx, external)
    object_id, leased_until, *columns = known
    if external_of(tuple(columns)) != external:
        raise InvalidRequestError(
            what=f"storage key {external.storage_key!r}",
            problem="is that of another object",
            remedy="draw a new generation for each write",
        )
    if leased_until is not None:
        raise CondemnedError(storage_key=external.storage_key)
    return int(object_id)


def _in_place(tx: Transaction, external: External) -> int:
    known = tx.row(
        "SELECT object_id FROM external_objects"
        f" WHERE backend_id = ? AND reference = ? AND digest IS NULL{tx.held}",
        (external.backend_id, external.reference),
    )
    if known is None:
        return _add(tx, external)
    tx.run(
        "UPDATE external_objects SET storage_key = ?, origin = ?, size_bytes = ? WHERE object_id = ?",
        (external.storage_key, origin_text(external.origin), external.size_bytes, *known),
    )
    return int(known[0])


def _add(tx: Transaction, external: External) -> int:
    [(object_id,)] = tx.rows(
        f"INSERT INTO external_objects ({COLUMNS}, due_at) VALUES (?, ?, ?, ?, ?, ?, 0) RETURNING object_id",
        _values(external),
    )
    return int(object_id)


def _values(external: External) -> tuple[str | int | bytes | None, ...]:
    return (
        external.reference,
        external.backend_id,
        external.storage_key,
        origin_text(external.origin),
        external.size_bytes,
        external.digest,
    )


# --- what nothing names any more -------------------------------------------------------------------------


def settle(tx: Transaction) -> None:
    """Give what lost its last name in this transaction the instant at which it may be deleted.

    For the end of every write transaction: a trigger, which notes the loss, does not know the time.
    """
    tx.run(_settling(tx).format("?"), (tx.now.wall_us + DISPOSE_AFTER_US,))


def settlement(tx: Transaction) -> str:
    """Return what :func:`settle` does as a statement that binds nothing, to go together with a commit."""
    return _settling(tx).format(tx.now.wall_us + DISPOSE_AFTER_US)


def _settling(tx: Transaction) -> str:
    return _SETTLE_SHARED if tx.is_shared else _SETTLE


def take_left(tx: Transaction) -> tuple[External, ...]:
    """Forget the objects of plain backends that lost their name just now, and return them.

    For whoever deletes them; nobody else will. Those from before the store was copied are the original's,
    too, and stay.
    """
    rows = tx.rows(
        f"SELECT {COLUMNS}, object_id FROM external_objects WHERE {tx.unsettled} AND digest IS NULL"
        f" AND object_id > ({LAST_INHERITED})"
    )
    for row in rows:
        tx.run("DELETE FROM external_objects WHERE object_id = ?", row[-1:])
    return tuple(external_of(row[:-1]) for row in rows)
