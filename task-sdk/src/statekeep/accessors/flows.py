"""Flows: what an accessor does, as generators that yield what they need and are sent the answer. No I/O."""

from __future__ import annotations

import os
from typing import Any, NamedTuple, TypeVar

from .._shared.state import messages
from .._shared.state.errors import ConflictError, InvalidRequestError
from .entries import StateChange, StateEntry, change_from, entry_from, value_from
from .operations import Operation, StateOperations, request_id_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
    from typing import TypeAlias

    from .._shared.state.retention import Retention

T = TypeVar("T")

# Each lost round means that another writer won it. With the pauses below, which double up to the longest,
# 30 rounds take a second or two: 64 writers of one key all come through.
MAX_UPDATE_ROUNDS = 30
_SHORTEST_PAUSE_SECONDS = 0.001
_LONGEST_PAUSE_SECONDS = 0.1


class Ask(NamedTuple):
    """Wanted: the reply to this request. A refusal is thrown into the flow as its error."""

    request: Any
    request_id: str | None = None


class Pause(NamedTuple):
    """Wanted: to be resumed after this long."""

    seconds: float


class BackendCall(NamedTuple):
    """Wanted: what a method of a worker-side backend returns; whatever it raises is thrown into the flow.

    An event loop awaits ``asynchronous()``, or runs ``blocking()`` in a thread where there is no such twin.
    With ``must_end``, a caller who is cancelled is so when the call has ended.
    """

    blocking: Callable[[], Any]
    asynchronous: Callable[[], Awaitable[Any]] | None = None
    must_end: bool = False


class Together(NamedTuple):
    """Wanted: the results of these flows, in order; several are on their way at once.

    When one fails, those that have not begun never do, the others have come to an end, and its error is
    thrown into the flow.
    """

    flows: Sequence[Flow[Any]]


Step: TypeAlias = "Ask | Pause | BackendCall | Together"
Flow: TypeAlias = "Generator[Step, Any, T]"


def one(operation: Operation[T]) -> Flow[T]:
    """Do one operation."""
    request = operation.request
    return operation.read((yield Ask(request, request_id_for(request))))


def all_or_nothing(operations: Sequence[Operation[Any]]) -> Flow[list[Any]]:
    """Do the operations in order, in one request, and return their results."""
    if not operations:
        return []
    request = messages.Batch(tuple(operation.request for operation in operations))
    done = yield Ask(request, request_id_for(request))
    return [operation.read(reply) for operation, reply in zip(operations, done.replies, strict=True)]


def keys(operations: StateOperations, prefix: str) -> Flow[list[str]]:
    """List the keys that begin with ``prefix``, in order."""
    entries = yield from _listed(operations, prefix, with_values=False)
    return [entry.key for entry in entries]


def entries(operations: StateOperations, prefix: str) -> Flow[list[StateEntry]]:
    """List the entries whose keys begin with ``prefix``, in order of their keys."""
    listed = yield from _listed(operations, prefix, with_values=True)
    return [entry_from(entry, None) for entry in listed]


def _listed(operations: StateOperations, prefix: str, *, with_values: bool) -> Flow[Iterable[messages.Entry]]:
    listed: list[messages.Entry] = []
    after: str | None = None
    while True:
        page = yield Ask(operations.page(prefix, after, with_values=with_values))
        listed += page.entries
        after = page.after
        if after is None:
            return listed


def history(
    operations: StateOperations, key: str | None, limit: int, value_type: Any
) -> Flow[list[StateChange]]:
    """List an asset's latest changes, newest first."""
    kept: list[messages.Change] = []
    before: int | None = None
    while True:
        page = yield Ask(operations.history(key, limit - len(kept), before))
        kept += page.changes
        before = page.before
        if before is None or len(kept) >= limit:
            return [change_from(change, value_type) for change in kept]


def update(
    operations: StateOperations,
    key: str,
    change: Callable[[Any], Any],
    default: Any,
    value_type: Any,
    keep: Retention,
) -> Flow[Any]:
    """Read, change and write under the condition that nobody wrote in between; again when somebody did.

    Refused where this try has staged an increment or a set_max: the write would put a fixed value in place
    of what is reckoned anew from whatever stands when the try finishes, and undo what others write.
    """
    request = operations.get(key, default, value_type).request

    def changed(standing: messages.Entry | None) -> Flow[Any]:
        value = change(default if standing is None else value_from(standing, value_type))
        version = None if standing is None else standing.version
        write = operations.set(key, value, keep=keep, if_version=version, if_absent=standing is None).request
        yield Ask(write, request_id_for(write))
        return value

    return (yield from compare_and_set(key, lambda: _asked(request), changed))


def compare_and_set(
    key: str,
    read: Callable[[], Flow[messages.Entry | messages.Absent]],
    write: Callable[[messages.Entry | None], Flow[T]],
) -> Flow[T]:
    """Read what stands, and write under the condition that it still does; again when it did not.

    ``write`` gets the entry (None: there is none), writes under that condition, and its result is returned.
    """
    lost: ConflictError | None = None
    for finished_rounds in range(MAX_UPDATE_ROUNDS):
        if lost is not None:
            yield Pause(_pause_seconds(finished_rounds))
        reply = yield from read()
        standing = reply if isinstance(reply, messages.Entry) else None
        if standing is not None and standing.is_relative:
            raise _relative(key)
        try:
            return (yield from write(standing))
        except ConflictError as conflict:
            lost = conflict
    raise lost or AssertionError("there is at least one round")


def _asked(request: Any) -> Flow[Any]:
    return (yield Ask(request))


def _relative(key: str) -> InvalidRequestError:
    return InvalidRequestError(
        what=f"update of {key!r}",
        problem="follows an increment or set_max that this try has staged, and would undo what others write",
        remedy="use increment or set_max again, or set the value, or write all of it with commit='now'",
    )


def _pause_seconds(finished_rounds: int) -> float:
    """Return a random pause that grows with every lost round, so that competitors part."""
    longest: float = min(_LONGEST_PAUSE_SECONDS, _SHORTEST_PAUSE_SECONDS * 2**finished_rounds)
    return longest * (os.urandom(1)[0] + 1) / 256  # the random module would cost 5 ms of import


def declare(asset: messages.AssetAddress, *, writable: bool) -> Flow[messages.Grant]:
    """Declare one more asset for this try."""
    request = messages.AddGrant(asset, writable)
    grant: messages.Grant = yield Ask(request, request_id_for(request))
    return grant
