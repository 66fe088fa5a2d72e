"""What a try or an operator asks of state: each request, checked, turned into one operation on its target."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.errors import (
    ForbiddenError,
    InvalidRequestError,
    StatekeepError,
    ValueTooLargeError,
    error_from,
)
from statekeep_core._shared.state.retention import check_wire
from statekeep_core._shared.state.rules import check_key
from statekeep_core._shared.state.values import check_encoded
from statekeep_core.metastore import asset_history, objects, staging, tries
from statekeep_core.metastore.asset_entries import Ledger
from statekeep_core.metastore.key_range import KeyRange
from statekeep_core.metastore.operation import Operation
from statekeep_core.metastore.stamp import Stamp
from statekeep_core.metastore.task_entries import Tenure

from . import external, targets
from .asset_state import AssetState, StagedAssetState
from .caller import TryCaller
from .task_state import TaskState

if TYPE_CHECKING:
    from collections.abc import Callable

    from statekeep_core.policy import Policy, Work

    from .applied_state import State
    from .caller import Caller
    from .targets import Access, Resolved

MAX_BATCH_OPERATIONS = 1_000
MAX_PAGE_ROWS = 1_000
# A page must fit into a frame; with 1,000 values of the default limit it would not.
MAX_PAGE_BYTES = 1024 * 1024
# So much may be read to fill it, where small values come before large ones.
MAX_PAGE_READ_BYTES = 64 * 1024 * 1024
# An older client asks for one page only, so that one is large; with the longest names and references
# beside the values, all escaped, it still fits into a frame.
MAX_HISTORY_BYTES = 16 * 1024 * 1024
_AFTER_ALL_VERSIONS = 2**63 - 1
# What a batch reads has to fit into one frame.
MAX_BATCH_READ_BYTES = 32 * 1024 * 1024
# As must what a write leaves in plain backends; without the names of its fields, which make it twice as long.
MAX_LEFT_BYTES = 16 * 1024 * 1024


# --- one entry -------------------------------------------------------------------------------------------


def get(work: Work, caller: Caller, request: m.Get) -> m.Entry | m.Absent:
    """Return the entry that the caller sees: a try sees what it has staged itself."""
    check_key(request.key)
    entry = _open(work, caller, request, targets.READ).entry(request.key)
    return m.Absent(request.key) if entry is None else entry


def set_(work: Work, caller: Caller, request: m.Set) -> m.Written:
    """Write an entry; of an asset and in a try, stage it unless ``apply_now``."""
    check_key(request.key)
    if request.if_absent and request.if_version is not None:
        raise InvalidRequestError(
            what=f"write of {request.key!r}",
            problem="has both if_version and if_absent, which cannot both hold",
            remedy="give at most one of them",
        )
    if request.external is None:
        check_value(work.policy, request.key, request.value)
    else:
        external.check(request, request.external)
    check_wire(request.retention)  # type: ignore[arg-type]  # whether it is "never" is what it checks
    resolved = _resolve(work, caller, request, targets.WRITE)
    if request.external is not None:
        external.check_origin(request, request.external, resolved)
    operation = Operation(
        request.key,
        "set",
        request.value if request.external is None else request.external,
        request.retention,
        request.if_version,
        request.if_absent,
    )
    return _state_of(work, caller, request, targets.WRITE, resolved, request.key).write(operation)


def delete(work: Work, caller: Caller, request: m.Delete) -> m.Written:
    """Remove an entry; no effect when it is absent, unless a version is required of it."""
    check_key(request.key)
    operation = Operation(request.key, "delete", if_version=request.if_version)
    return _open(work, caller, request, targets.REMOVE, request.key).write(operation)


def clear(work: Work, caller: Caller, request: m.Clear) -> m.Written:
    """Remove every entry of the target; for an operator, of all mapped instances if so asked."""
    operation = Operation(None, "clear")
    if not request.all_map_indices or not isinstance(request.target, m.TaskAddress | None):
        return _open(work, caller, request, targets.REMOVE).write(operation)
    if isinstance(caller, TryCaller) or request.target is None:
        raise ForbiddenError(what="clearing all map indices", problem="a try clears its own map index only")
    tasks = [instance.task for instance in tries.find_mapped(work.tx, request.target)] or [request.target]
    each = [request._replace(target=task, all_map_indices=False) for task in tasks]
    return m.Written(removed=sum(clear(work, caller, one).removed for one in each))


def increment(work: Work, caller: Caller, request: m.Increment) -> m.Entry:
    """Add to an entry; staged, it is added again to what stands when the try finishes."""
    return _combine(work, caller, request, "increment", request.by)


def set_max(work: Work, caller: Caller, request: m.SetMax) -> m.Entry:
    """Raise an entry; staged, it is compared again with what stands when the try finishes."""
    return _combine(work, caller, request, "set_max", request.value)


def _combine(
    work: Work, caller: Caller, request: m.Increment | m.SetMax, kind: str, operand: bytes
) -> m.Entry:
    check_key(request.key)
    check_value(work.policy, request.key, operand)
    check_wire(request.retention)  # type: ignore[arg-type]  # whether it is "never" is what it checks
    operation = Operation(request.key, kind, operand, request.retention)
    entry = _open(work, caller, request, targets.WRITE, request.key).combine(operation)
    # What it came to; when that is refused, the caller rolls back.
    _check_size(work.policy, request.key, entry.size_bytes)
    return entry


def check_value(policy: Policy, key: str, value: bytes) -> None:
    """Refuse a value that is no JSON, or too large for the store."""
    _check_size(policy, key, len(value))
    check_encoded(value, what=f"value for {key!r}")


def _check_size(policy: Policy, key: str, size_bytes: int) -> None:
    if size_bytes > policy.max_value_bytes:
        raise ValueTooLargeError(
            what=f"value for {key!r}",
            size_bytes=size_bytes,
            limit_bytes=policy.max_value_bytes,
            remedy="set [workers] state_backend to keep large values on the worker",
        )


# --- several ---------------------------------------------------------------------------------------------


def batch(work: Work, caller: Caller, request: m.Batch) -> m.BatchDone:
    """Do every operation in order, or none: each sees what those before it did, and nothing that others do.

    The error of one carries its number, from 1, as the fact ``operation_number``.
    """
    replies = []
    targets.hold(work.tx, caller, request.operations)
    for number, operation in enumerate(request.operations, start=1):
        try:
            replies.append(_SINGLE[type(operation)](work, caller, operation))
        except StatekeepError as error:
            raise error_from(error.code, {**error.facts, "operation_number": number}) from None
    _check_read_bytes(replies)
    writes = [place for place, reply in enumerate(replies) if isinstance(reply, m.Written)]
    if is_batch_of_reads(request):
        return m.BatchDone(tuple(replies))
    if not writes:  # a sum over an expired entry, say, whose reply has no room for what that leaves
        objects.settle(work.tx)
    elif left := _taken_left(work):  # by which of the operations is nobody's question: the last write says it
        replies[writes[-1]] = replies[writes[-1]]._replace(left=left)
    return m.BatchDone(tuple(replies))


def is_batch_of_reads(request: Any) -> bool:
    """Return whether the request is a batch that changes nothing, so that it is a read like any other."""
    return isinstance(request, m.Batch) and all(isinstance(each, m.Get) for each in request.operations)


def check_batch_length(operations: object) -> None:
    """Refuse a batch that is too long while it is plain: rebuilding a million operations takes seconds."""
    if isinstance(operations, list) and len(operations) > MAX_BATCH_OPERATIONS:
        raise InvalidRequestError(
            what="batch",
            problem=f"has {len(operations):,} operations, over the limit of {MAX_BATCH_OPERATIONS:,}",
            remedy="send several batches",
        )


def _check_read_bytes(replies: list[Any]) -> None:
    """Refuse a batch whose reply could not be told; judged before anything is committed."""
    size_bytes = sum(len(reply.value) for reply in replies if isinstance(reply, m.Entry))
    if size_bytes > MAX_BATCH_READ_BYTES:
        raise ValueTooLargeError(
            what="what the batch reads",
            size_bytes=size_bytes,
            limit_bytes=MAX_BATCH_READ_BYTES,
            remedy="read in several batches",
        )


def _taken_left(work: Work) -> tuple[m.External, ...]:
    """Return what was left in plain backends. Refuse more than can be told: nobody would ever delete it."""
    left = objects.take_left(work.tx)
    size_bytes = sum(len(json.dumps(each)) for each in left)
    if size_bytes > MAX_LEFT_BYTES:
        raise ValueTooLargeError(
            what=f"the list of {len(left):,} objects that are to be deleted with their keys",
            size_bytes=size_bytes,
            limit_bytes=MAX_LEFT_BYTES,
            remedy="delete the keys in several requests",
        )
    return left


def list_entries(work: Work, caller: Caller, request: m.ListEntries) -> m.Entries:
    """Return a page of the entries that the caller sees, in the order of the code points of their keys.

    A page has at most 1,000 entries and, with values, hardly more than 1 MiB.
    """
    for text in (request.prefix or None, request.after):
        if text is not None:
            check_key(text)
    limit = _page_limit(request.limit)
    if request.with_values:
        limit = min(limit, max(1, MAX_PAGE_READ_BYTES // work.policy.max_value_bytes))
    state = _open(work, caller, request, targets.READ)
    keys = KeyRange(request.prefix, request.after)
    found = state.page(keys, limit + 1, with_values=request.with_values)
    kept = _fitting(found[:limit])
    return m.Entries(tuple(kept), kept[-1].key if len(kept) < len(found) else None)


def _fitting(entries: list[m.Entry]) -> list[m.Entry]:
    """Return as many of the entries as fit into a page."""
    sizes = [objects.room_bytes(objects.entry_content(entry)) for entry in entries]
    return entries[: _rows_within(sizes, MAX_PAGE_BYTES)]


def _rows_within(sizes: list[int], limit_bytes: int) -> int:
    """Return how many of the rows fit into the limit; the first always does."""
    for index, total_bytes in enumerate(accumulate(sizes)):
        if index and total_bytes > limit_bytes:
            return index
    return len(sizes)


def _page_limit(limit: int) -> int:
    if limit < 1:
        raise InvalidRequestError(what="page", problem=f"has a limit of {limit}", remedy="ask for 1 or more")
    return min(limit, MAX_PAGE_ROWS)


def list_history(work: Work, caller: Caller, request: m.ListHistory) -> m.History:
    """Return a page of the kept changes of an asset's entry, or of all its entries, newest first.

    None is staged. A page has at most 1,000 changes and hardly more than 16 MiB.
    """
    if request.key is not None:
        check_key(request.key)
    limit = _page_limit(request.limit)
    resolved = targets.resolve(work, caller, request.target, targets.READ)
    if isinstance(resolved, Tenure):
        raise InvalidRequestError(what="history", problem="is kept for assets only", remedy="name an asset")
    before = _AFTER_ALL_VERSIONS if request.before is None else request.before
    span = asset_history.Span(resolved.asset_id, request.key, before)
    sizes = asset_history.sizes(work.tx, span, limit + 1)
    rows = _rows_within([size_bytes for _, size_bytes in sizes[:limit]], MAX_HISTORY_BYTES)
    changes = asset_history.since(work.tx, span, sizes[rows - 1][0]) if rows else ()
    return m.History(changes, changes[-1].version if changes and rows < len(sizes) else None)


def _alone(
    write: Callable[[Work, Caller, Any], m.Written],
) -> Callable[[Work, Caller, Any], m.Written]:
    """Return the write with what it leaves behind in plain backends, for the caller to delete."""

    def written(work: Work, caller: Caller, request: Any) -> m.Written:
        reply = write(work, caller, request)
        left = _taken_left(work)
        return reply._replace(left=left) if left else reply

    return written


def _settled(combine: Callable[[Work, Caller, Any], m.Entry]) -> Callable[[Work, Caller, Any], m.Entry]:
    """Return the operation with what it leaves behind settled: the next request's writer did not leave it."""

    def combined(work: Work, caller: Caller, request: Any) -> m.Entry:
        reply = combine(work, caller, request)
        objects.settle(work.tx)
        return reply

    return combined


# --- from a target to its state --------------------------------------------------------------------------


def _open(work: Work, caller: Caller, request: Any, access: Access, key: str | None = None) -> State:
    """Return the state under the request's target as this caller reads it, or writes it."""
    resolved = _resolve(work, caller, request, access)
    return _state_of(work, caller, request, access, resolved, key)


def _resolve(work: Work, caller: Caller, request: Any, access: Access) -> Resolved:
    is_staged = access.writes and not request.apply_now
    return targets.resolve(work, caller, request.target, access, is_staged=is_staged)


def _state_of(
    work: Work, caller: Caller, request: Any, access: Access, resolved: Resolved, key: str | None
) -> State:
    tx = work.tx
    if isinstance(resolved, Tenure):
        return TaskState(tx, resolved, stamp_of(caller))
    applied = AssetState(tx, Ledger(resolved.asset_id, stamp_of(caller), work.policy.asset_history_versions))
    if not isinstance(caller, TryCaller):
        return applied
    of_try = staging.TryKey(caller.instance_id, caller.try_number)
    if not access.writes or not request.apply_now:
        return StagedAssetState(tx, of_try, resolved.asset_id)
    if staging.has_any(tx, of_try, resolved.asset_id, key):
        raise InvalidRequestError(
            what=f"write of {'all keys' if key is None else repr(key)} with commit='now'",
            problem="would overtake what this try has staged there",
            remedy="stage this write too, or let the try finish first",
        )
    return applied


def stamp_of(caller: Caller) -> Stamp:
    """Return the writer of what the caller writes, as the tables hold it."""
    if isinstance(caller, TryCaller):
        return Stamp(caller.writer.principal, caller.instance_id, caller.try_number)
    return Stamp(caller.principal)


_SINGLE: dict[type, Callable[[Work, Caller, Any], Any]] = {
    m.Get: get,
    m.Set: set_,
    m.Delete: delete,
    m.Clear: clear,
    m.Increment: increment,
    m.SetMax: set_max,
}
HANDLERS: dict[type, Callable[[Work, Caller, Any], Any]] = {
    **_SINGLE,
    m.Set: _alone(set_),
    m.Delete: _alone(delete),
    m.Clear: _alone(clear),
    m.Increment: _settled(increment),
    m.SetMax: _settled(set_max),
    m.Batch: batch,
    m.ListEntries: list_entries,
    m.ListHistory: list_history,
}
