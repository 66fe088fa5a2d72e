"""How the server reaches a store on PostgreSQL: what one statement answers together, and all else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from statekeep_core._shared.state import messages as m

from .engine import DEFAULT_WAITING_LIMIT, Lane, ThreadedEngine, Waiting
from .handover import Handover
from .telemetry.observing import NOBODY
from .turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from statekeep_core._shared.state.wire import Plain
    from statekeep_core.policy import Work

    from .engine import Call, Store
    from .telemetry.observing import Observers

# The requests that tasks send most; PostgreSQL answers many of them in one statement.
_HOT = frozenset(each.__name__ for each in (m.Get, m.Set, m.Delete, m.Increment, m.SetMax, m.Heartbeat))
_LONGEST_COMPARED_BYTES = 300


class PostgresEngine(ThreadedEngine):
    """An :class:`Engine` on a store that several threads use at once.

    The requests that one statement answers together wait in one queue, and all others in another one, where
    each is a transaction of several round trips: they are taken one by one, so that none waits for another
    while a thread is free, and no heartbeat waits for a group of them. Of one try's, one is under way at a
    time: they take turns at its row anyway, and those that wait there would hold a thread each.
    """

    # Two, so that one makes its statement of what waits while the other's is at the database.
    _HOT_THREADS = 2
    _OTHER_THREADS = 4
    # As many as one statement takes.
    _HOT_TAKEN_AT_ONCE = 64
    # How many threads use the store at a time.
    CONNECTIONS = _HOT_THREADS + _OTHER_THREADS

    def __init__(
        self,
        open_store: Callable[[], Store],
        *,
        waiting_limit: int = DEFAULT_WAITING_LIMIT,
        observers: Observers = NOBODY,
    ) -> None:
        hot_queue: Handover[Waiting] = Handover(self._HOT_TAKEN_AT_ONCE)
        hot = Lane("hot", hot_queue, self._HOT_THREADS, self._HOT_TAKEN_AT_ONCE)
        others = Lane("others", Turns(_instance_of), self._OTHER_THREADS, 1)
        super().__init__(open_store, (hot, others), waiting_limit=waiting_limit, observers=observers)

    def _lane_of(self, work: Call | Callable[[Work], Any]) -> Lane:
        hot, others = self._lanes
        return hot if isinstance(work, tuple) and _is_hot(work) else others


def _is_hot(call: Call) -> bool:
    """Return whether a call is probably one that a statement answers; if not, it only waits elsewhere."""
    claims, _, request, *rest = call
    if rest and rest[0] is not None and rest[0].floor:
        return False
    kind, target = request.get("kind"), request.get("target")
    if claims.get("kind") != m.TryClaims.__name__ or kind not in _HOT:
        return False
    if not _is_usual(kind, request):
        return False
    if target is None:
        is_conditional_delete = kind == m.Delete.__name__ and request.get("if_version") is not None
        return request.get("external") is None and not is_conditional_delete
    # What is applied at once waits for its asset, and no heartbeat is to wait for it.
    return isinstance(target, int) and not request.get("apply_now") and request.get("external") is None


def _is_usual(kind: str, request: Plain) -> bool:
    """Return whether a statement can probably add or compare the operand, if it is to."""
    if kind == m.Increment.__name__:
        by = request.get("by")
        return isinstance(by, bytes) and by.removeprefix(b"-").isdigit()
    return kind != m.SetMax.__name__ or len(request.get("value") or b"") <= _LONGEST_COMPARED_BYTES


def _instance_of(item: Waiting) -> int | None:
    """Return the number of the task instance whose try asks; None for everybody else."""
    return item.work[0].get("instance_id") if isinstance(item.work, tuple) else None
