"""Objects of immutable backends that no record names any more, leased to whoever can delete them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from statekeep_core._shared.state.messages import Disposal, ObjectsOfBackend

from .objects import COLUMNS, external_of, origin_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from statekeep_core._shared.state.messages import AssetAddress, TaskAddress

    from .transaction import Row, Transaction

# How long whoever fetched an object has to delete it, before it is given to somebody else.
LEASE_US = 5 * 60 * 1_000_000

# What is not settled has 0: it lost its last name in this very transaction, and its grace has not begun.
_DUE = (
    "SELECT due_at, object_id FROM external_objects{} WHERE {} AND due_at > 0 AND due_at <= ?"
    " AND digest IS NOT NULL ORDER BY due_at, object_id LIMIT ?{}"
)


def due(
    tx: Transaction,
    backend_ids: Sequence[str],
    origins: Sequence[TaskAddress | AssetAddress],
    limit: int,
) -> list[Disposal]:
    """Return up to ``limit`` objects that may be deleted and are not leased, those due first first.

    They are of one of these backends and, unless ``origins`` is empty, were first written for one of those.
    """
    oldest = sorted(_due(tx, set(backend_ids), {origin_text(origin) for origin in origins}, limit))[:limit]
    rows = tx.rows(
        f"SELECT object_id, {COLUMNS} FROM external_objects WHERE {_among(tx)}",
        (tx.listed([object_id for _, object_id in oldest]),),
    )
    by_id = {row[0]: Disposal(row[0], external_of(row[1:])) for row in rows}
    return [by_id[object_id] for _, object_id in oldest]


def _due(tx: Transaction, backend_ids: set[str], origins: set[str], limit: int) -> Iterator[Row]:
    of_backend = _DUE.format(tx.by_index("external_objects_due"), "backend_id = ?", tx.free)
    of_origin = _DUE.format(
        tx.by_index("external_objects_due_by_origin"), "origin = ? AND backend_id = ?", tx.free
    )
    for backend_id in backend_ids:
        if not origins:
            yield from tx.rows(of_backend, (backend_id, tx.now.wall_us, limit))
        for origin in origins:
            yield from tx.rows(of_origin, (origin, backend_id, tx.now.wall_us, limit))


def _among(tx: Transaction) -> str:
    return f"object_id IN (SELECT listed.value FROM {tx.integers})"


def lease(tx: Transaction, object_ids: Sequence[int]) -> None:
    """Keep the objects from being given to anybody else for 5 minutes, and from being named for ever.

    They fall due again when that is over, behind what is due by then: objects that cannot be deleted do not
    keep the others from being so.
    """
    until = tx.now.wall_us + LEASE_US
    tx.run(
        f"UPDATE external_objects SET due_at = ?, leased_until = ? WHERE {_among(tx)}",
        (until, until, tx.listed(object_ids)),
    )


def acknowledge(tx: Transaction, object_ids: Sequence[int]) -> None:
    """Forget those of the objects that were leased once, however long ago; the others stay as they are."""
    tx.run(
        f"DELETE FROM external_objects WHERE leased_until IS NOT NULL AND records = 0 AND {_among(tx)}",
        (tx.listed(object_ids),),
    )


def plain_objects_left(tx: Transaction) -> int:
    """Return how many objects of plain backends nothing names; the store has nobody delete them."""
    [(left,)] = tx.rows("SELECT count(*) FROM external_objects WHERE due_at > 0 AND digest IS NULL")
    return int(left)


def counted(tx: Transaction) -> list[ObjectsOfBackend]:
    """Return how many objects there are by backend, those of plain backends too. Reads the whole table.

    What has its grace or a lease before it is neither named nor due, and alone makes no line.
    """
    is_due = "due_at > 0 AND due_at <= ? AND digest IS NOT NULL"
    rows = tx.rows(
        "SELECT backend_id, count(CASE WHEN records > 0 THEN 1 END),"
        f" count(CASE WHEN {is_due} THEN 1 END), min(CASE WHEN {is_due} THEN due_at END)"
        " FROM external_objects GROUP BY backend_id ORDER BY backend_id",
        (tx.now.wall_us, tx.now.wall_us),
    )
    return [ObjectsOfBackend(*row) for row in rows if row[1] or row[2]]
