"""What those ask who can delete objects: which may go, which are nobody's, and that the store be swept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from statekeep_core import retention
from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.errors import InvalidRequestError
from statekeep_core._shared.state.rules import check_asset, check_key, check_task
from statekeep_core.metastore import condemned, disposals

from .external import GENERATION, GENERATION_CHARACTERS
from .state import MAX_PAGE_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from statekeep_core.policy import Work

# Each pair of a backend and an origin is looked up by itself.
_MAX_BACKENDS_TIMES_ORIGINS = 1_000


def describe(work: Work, request: m.DescribeStore) -> m.StoreDescription:
    """Return which store this is, what it takes inline, and what was left of plain backends."""
    return m.StoreDescription(
        work.tx.store_id(),
        work.policy.max_value_bytes,
        disposals.plain_objects_left(work.tx),
        # Most who ask are about to read or write one value, and would wait for all objects to be counted.
        tuple(disposals.counted(work.tx)) if request.with_objects else (),
    )


def fetch(work: Work, request: m.FetchDisposals) -> m.Disposals:
    """Lease objects to delete, those first that are due first; with ``dry_run`` only name them.

    Not recorded: when the reply is lost, the lease runs out and they are fetched again.
    """
    if request.limit < 1:
        raise _refused("fetch of disposals", f"has a limit of {request.limit}", "ask for 1 or more")
    pairs = len(request.backend_ids) * max(1, len(request.origins))
    _check_length("fetch of disposals", pairs, _MAX_BACKENDS_TIMES_ORIGINS, "backends times origins")
    for origin in request.origins:
        _check_origin(origin)
    limit = min(request.limit, MAX_PAGE_ROWS)
    found = disposals.due(work.tx, request.backend_ids, request.origins, limit)
    if not request.dry_run:
        disposals.lease(work.tx, [disposal.object_id for disposal in found])
    return m.Disposals(tuple(found))


def acknowledge(work: Work, request: m.AcknowledgeDisposals) -> m.Done:
    """Forget objects that are deleted. Numbers that were never fetched change nothing.

    So a repeated, late or made-up acknowledgement takes no object from a record.
    """
    _check_length("acknowledgement", len(request.object_ids), MAX_PAGE_ROWS, "object ids")
    disposals.acknowledge(work.tx, request.object_ids)
    return m.Done()


def condemn(work: Work, request: m.Condemn) -> m.Condemned:
    """Condemn those storage keys under which the store knows no object, and return them; again, the same.

    Raises :class:`InvalidRequestError` for what is no storage key of an immutable backend: the objects of
    plain backends are not known by theirs, and would all seem to be nobody's.
    """
    _check_length("condemnation", len(request.storage_keys), MAX_PAGE_ROWS, "storage keys")
    for storage_key in request.storage_keys:
        _check_storage_key(storage_key)
    work.tx.locks.hold_condemned(shared=False)
    unknown = condemned.unknown(work.tx, request.storage_keys)
    if not request.dry_run:
        condemned.add(work.tx, unknown)
    return m.Condemned(unknown)


def sweep_step(work: Work, request: m.SweepStep) -> m.Swept:
    """Go one step through what has expired or lost its owner."""
    return retention.sweep_step(work, request.cursor, dry_run=request.dry_run)


def _check_storage_key(storage_key: str) -> None:
    if not GENERATION.fullmatch(storage_key[-GENERATION_CHARACTERS:]):
        raise _refused(
            "condemnation",
            "has a storage key that does not end in a write's generation",
            "send only those that an immutable backend lists under this store's id",
        )
    check_key(storage_key[:-GENERATION_CHARACTERS])


def _check_origin(origin: m.TaskAddress | m.AssetAddress) -> None:
    if isinstance(origin, m.TaskAddress):
        check_task(*origin)
    else:
        check_asset(name=origin.name, uri=origin.uri)


def _check_length(what: str, length: int, limit: int, of_what: str) -> None:
    if length > limit:
        raise _refused(
            what, f"has {length:,} {of_what}, over the limit of {limit:,}", "send several requests"
        )


def _refused(what: str, problem: str, remedy: str) -> InvalidRequestError:
    return InvalidRequestError(what=what, problem=problem, remedy=remedy)


HANDLERS: dict[type, Callable[[Work, Any], Any]] = {
    m.DescribeStore: describe,
    m.FetchDisposals: fetch,
    m.AcknowledgeDisposals: acknowledge,
    m.Condemn: condemn,
    m.SweepStep: sweep_step,
}
