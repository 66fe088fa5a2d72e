"""Asset writes that wait for their try to succeed: in order, read by their own try only, then applied."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from statekeep_core._shared.state.errors import AssetInactiveError, ValueTooLargeError

from . import asset_entries, assets, objects
from .asset_entries import Ledger
from .expiry import expires_at
from .operation import Operation, dump_retention, load_retention
from .replay import Replay
from .stamp import Stamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from statekeep_core._shared.state.messages import Entry, Writer

    from .key_range import KeyRange
    from .transaction import Row, Transaction

MAX_OPERATIONS = 10_000
MAX_BYTES = 8 * 1024 * 1024


class TryKey(NamedTuple):
    """The try whose operations are meant."""

    instance_id: int
    try_number: int


_SELECT = (
    "SELECT position, asset_id, key, operation, value, retention, if_version, if_absent,"
    f" {objects.COLUMNS} FROM staged_operations{objects.JOIN} WHERE instance_id = ? AND try_number = ?"
)
_OF_ASSET = _SELECT + " AND asset_id = ?"
# '' stands for every key.
_OF_KEY = _OF_ASSET + " AND key IN (?, '')"
# The sign keeps SQLite from reading all that the try has staged, in order, instead of looking the key up.
_IN_ORDER = " ORDER BY +position"
_LAST = " ORDER BY +position DESC LIMIT 1"


def _operation(row: Row) -> Operation:
    _, _, key, kind, value, retention, if_version, if_absent, *columns = row
    content = objects.content_of(value, tuple(columns))
    return Operation(key or None, kind, content, load_retention(retention), if_version, bool(if_absent))


def _asset_id(row: Row) -> int:
    return int(row[1])


# --- writing ---------------------------------------------------------------------------------------------


def stage(tx: Transaction, of_try: TryKey, asset_id: int, operation: Operation) -> None:
    """Add an operation to what the try has staged.

    Raises :class:`ValueTooLargeError` beyond 10,000 operations or 8 MiB of keys, values and references; then
    the caller rolls back to before the call.
    """
    position = _count(tx, of_try, operation)
    if operation.key is not None and not operation.is_conditional:
        row = tx.row(_OF_KEY + _LAST, (*of_try, asset_id, operation.key))
        if row is not None and row[2]:
            folded = _operation(row).folded_with(operation)
            if folded is not None:
                _replace(tx, of_try, row[0], folded)
                return
    _insert(tx, of_try, position, asset_id, operation)


def _count(tx: Transaction, of_try: TryKey, operation: Operation) -> int:
    """Count the operation against the limits and return its number, which is its position."""
    size_bytes = len((operation.key or "").encode()) + objects.room_bytes(operation.value)
    [(operations, staged_bytes)] = tx.rows(
        "UPDATE tries SET staged_operations = staged_operations + 1, staged_bytes = staged_bytes + ?"
        " WHERE instance_id = ? AND try_number = ? RETURNING staged_operations, staged_bytes",
        (size_bytes, *of_try),
    )
    remedy = "finish this try sooner, or write what others may see at once with commit='now'"
    what = "what this try has staged for assets"
    if operations > MAX_OPERATIONS:
        raise ValueTooLargeError(
            what=what, operations=operations, limit_operations=MAX_OPERATIONS, remedy=remedy
        )
    if staged_bytes > MAX_BYTES:
        raise ValueTooLargeError(what=what, size_bytes=staged_bytes, limit_bytes=MAX_BYTES, remedy=remedy)
    return int(operations)


def _insert(tx: Transaction, of_try: TryKey, position: int, asset_id: int, operation: Operation) -> None:
    tx.run(
        "INSERT INTO staged_operations (instance_id, try_number, position, asset_id, key, operation, value,"
        " object_id, retention, if_version, if_absent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *of_try,
            position,
            asset_id,
            operation.key or "",
            operation.kind,
            *_columns(tx, operation),
            dump_retention(operation.retention),
            operation.if_version,
            int(operation.if_absent),
        ),
    )


def _replace(tx: Transaction, of_try: TryKey, position: int, operation: Operation) -> None:
    tx.run(
        "UPDATE staged_operations SET operation = ?, value = ?, object_id = ?, retention = ?"
        " WHERE instance_id = ? AND try_number = ? AND position = ?",
        (
            operation.kind,
            *_columns(tx, operation),
            dump_retention(operation.retention),
            *of_try,
            position,
        ),
    )


def _columns(tx: Transaction, operation: Operation) -> tuple[bytes | None, int | None]:
    """Return the operand as the table holds it: here, or by the number of its object."""
    value = operation.value if isinstance(operation.value, bytes) else None
    return value, objects.number_of(tx, operation.value)


# --- reading, by the try itself --------------------------------------------------------------------------


def has_any(tx: Transaction, of_try: TryKey, asset_id: int, key: str | None = None) -> bool:
    """Return whether an operation is staged for the key, or for any key of the asset; a clear is for each."""
    if key is None:
        return tx.row(_OF_ASSET + " LIMIT 1", (*of_try, asset_id)) is not None
    return tx.row(_OF_KEY + " LIMIT 1", (*of_try, asset_id, key)) is not None


def get(tx: Transaction, of_try: TryKey, asset_id: int, key: str) -> Entry | None:
    """Return the entry as the try sees it, its own staged writes included."""
    view = _View(map(_operation, tx.rows(_OF_KEY + _IN_ORDER, (*of_try, asset_id, key))))
    return view.entry(tx, asset_id, key)


def count(tx: Transaction, of_try: TryKey, asset_id: int) -> int:
    """Return how many entries the try sees."""
    view = _view(tx, of_try, asset_id)
    seen = 0 if view.is_cleared else asset_entries.count(tx, asset_id)
    for key in view.by_key:
        stood = not view.is_cleared and asset_entries.get(tx, asset_id, key) is not None
        seen += (view.entry(tx, asset_id, key) is not None) - stood
    return seen


def page(
    tx: Transaction, of_try: TryKey, asset_id: int, within: KeyRange, limit: int, *, with_values: bool
) -> list[Entry]:
    """Return up to ``limit`` entries that the try sees, in the order of their keys."""
    view = _view(tx, of_try, asset_id)
    staged = [key for key in view.by_key if key in within]
    applied = (
        []
        if view.is_cleared
        else asset_entries.page(tx, asset_id, within, limit, with_values=with_values, but=staged)
    )
    applied_by_key = {entry.key: entry for entry in applied}
    found: list[Entry] = []
    for key in sorted({*staged, *applied_by_key}):
        entry = view.entry(tx, asset_id, key) if key in view.by_key else applied_by_key[key]
        if entry is not None:
            found.append(entry if with_values else entry._replace(value=b"", external=None))
        if len(found) == limit:
            break
    return found


class _View:
    """What an asset looks like to the try that staged these operations."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.is_cleared = False
        self.by_key: dict[str, list[Operation]] = {}
        for operation in operations:
            if operation.key is None:
                self.is_cleared = True
                self.by_key.clear()
            else:
                self.by_key.setdefault(operation.key, []).append(operation)

    def entry(self, tx: Transaction, asset_id: int, key: str) -> Entry | None:
        operations = self.by_key.get(key, [])
        settling = [place for place, each in enumerate(operations) if each.kind in ("set", "delete")]
        if settling:  # whatever stood before; and a page need not ask for what everybody sees, key by key
            return Replay(key, None).take_all(operations[settling[-1] :]).entry()
        base = None if self.is_cleared else asset_entries.get(tx, asset_id, key)
        return Replay(key, base, is_relative=not self.is_cleared).take_all(operations).entry()


def _view(tx: Transaction, of_try: TryKey, asset_id: int) -> _View:
    return _View(map(_operation, tx.rows(_OF_ASSET + _IN_ORDER, (*of_try, asset_id))))


# --- the end of the try ----------------------------------------------------------------------------------


def apply(tx: Transaction, instance_id: int, try_number: int, writer: Writer, history_versions: int) -> int:
    """Make everything that the try staged visible, and return how many operations that were.

    Each key changes once, under one version, to what all of its operations together make of it, so a try
    leaves one row per key in the history. Raises :class:`ConflictError` when a condition does not hold any
    more, :class:`AssetInactiveError` when an asset was deactivated meanwhile, and
    :class:`InvalidValueError` when another writer left a value that cannot be added to or compared with;
    the caller then rolls back to before the call.
    """
    of_try = TryKey(instance_id, try_number)
    stamp = Stamp(writer.principal, instance_id, try_number)
    rows = tx.rows(_SELECT + " ORDER BY asset_id, position", of_try)
    tx.locks.hold_assets(sorted({_asset_id(row) for row in rows}))
    for asset_id, of_asset in groupby(rows, key=_asset_id):
        _require_active(tx, asset_id)
        _apply_to_asset(tx, Ledger(asset_id, stamp, history_versions), map(_operation, of_asset))
    return _staged_operations(tx, of_try)


def drop(tx: Transaction, instance_id: int, try_number: int) -> None:
    """Forget everything that the try has staged."""
    of_try = (instance_id, try_number)
    tx.run("DELETE FROM staged_operations WHERE instance_id = ? AND try_number = ?", of_try)
    tx.run(
        "UPDATE tries SET staged_operations = 0, staged_bytes = 0 WHERE instance_id = ? AND try_number = ?",
        of_try,
    )


def _staged_operations(tx: Transaction, of_try: TryKey) -> int:
    [(operations,)] = tx.rows(
        "SELECT staged_operations FROM tries WHERE instance_id = ? AND try_number = ?", of_try
    )
    return int(operations)


def _require_active(tx: Transaction, asset_id: int) -> None:
    asset = assets.by_id(tx, asset_id)
    if asset is None or not asset.is_active:
        raise AssetInactiveError(asset=f"#{asset_id}" if asset is None else asset.label)


def _apply_to_asset(tx: Transaction, ledger: Ledger, operations: Iterable[Operation]) -> None:
    replays: dict[str, Replay] = {}

    def replay_of(key: str) -> Replay:
        if key not in replays:
            replays[key] = Replay(key, asset_entries.get(tx, ledger.asset_id, key))
        return replays[key]

    for operation in operations:
        if operation.key is None:
            for key in {*replays, *asset_entries.keys(tx, ledger.asset_id)}:
                replay_of(key).take(operation)
        else:
            replay = replay_of(operation.key)
            replay.judge(operation)
            replay.take(operation)
    for key in sorted(replays):
        _write(tx, ledger, replays[key])


def _write(tx: Transaction, ledger: Ledger, replay: Replay) -> None:
    if replay.change is None:
        return
    if replay.value is not None:
        expiry = expires_at(replay.retention, tx.now.wall_us)
        asset_entries.put(tx, ledger, replay.key, replay.value, expiry)
    elif replay.base is not None:
        asset_entries.remove(tx, ledger, replay.key, replay.change)
