"""How the server reaches a store: what waits together becomes one group, in threads of the store's own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from queue import Empty
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from statekeep_core._shared.state.errors import StatekeepError, UnavailableError
from statekeep_core.faults import told_fault
from statekeep_core.metastore.probing import probe
from statekeep_core.traffic import NO_TRAFFIC

from .outages import THE_SERVER, Outages
from .telemetry.observing import NOBODY, Group
from .turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from statekeep_core._shared.state.sendings import Sending
    from statekeep_core._shared.state.wire import Plain
    from statekeep_core.policy import Policy, Work
    from statekeep_core.traffic import Traffic

    from .handover import Handover
    from .telemetry.observing import Observers

    # The claims, the request id and the request, all plain; and the number of this sending of it.
    Call = tuple[Plain, str, Plain] | tuple[Plain, str, Plain, Sending | None]

    class Store(Protocol):
        """What answers groups; used by one thread at a time, unless its engine says that it has more."""

        policy: Policy

        def handle_group(self, calls: Sequence[Call]) -> list[Plain]: ...
        def transact(self, operation: Callable[[Work], Any]) -> Any: ...
        def close(self) -> None: ...


T = TypeVar("T")

DEFAULT_WAITING_LIMIT = 4_096


class Engine(Protocol):
    """A store, for the tasks of one event loop. Callable in that loop only."""

    @property
    def policy(self) -> Policy:
        """What the store allows and keeps."""
        ...

    @property
    def waiting(self) -> dict[str, int]:
        """How many requests wait in each queue, those that a thread has taken not included."""
        ...

    @property
    def traffic(self) -> Traffic:
        """What went on between the store and its database; of a file, nothing is counted."""
        ...

    async def answer(self, call: Call) -> Plain:
        """Return the plain reply to a call, after the commit of what it wrote; a refusal is a reply.

        Raises :class:`UnavailableError` at once, with nothing done, when too many are waiting already.
        """
        ...

    async def transact(self, operation: Callable[[Work], T]) -> T:
        """Run an operation in a write transaction of its own; return its result after the commit."""
        ...

    async def close(self) -> None:
        """Answer what was asked before, and let go of the store. What is asked later is refused."""
        ...


class Waiting(NamedTuple):
    work: Call | Callable[[Work], Any]
    answered: asyncio.Future[Any]
    origin: object = None


class Lane(NamedTuple):
    """A queue, how many threads serve it, and how much each of them takes at once."""

    name: str
    queue: Handover[Waiting] | Turns[Waiting]
    threads: int
    taken_at_once: int


class ThreadedEngine:
    """An :class:`Engine` on a store that is opened and closed in one thread of its own.

    What waits while a group commits becomes the next group, so that many requests share one fsync and a lone
    one waits for nothing.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        lanes: tuple[Lane, ...],
        *,
        waiting_limit: int,
        observers: Observers = NOBODY,
    ) -> None:
        self._open_store = open_store
        self._observers = observers
        self._traffic: Callable[[], Traffic] = lambda: NO_TRAFFIC
        self._lanes = lanes
        self._waiting_limit = waiting_limit
        self._waiting = 0
        self._asked_now: list[tuple[Lane, Waiting]] = []
        self._is_open = False
        self._policy: Policy | None = None
        self._outages = Outages(lambda: self.transact(lambda work: probe(work.tx)))
        self._thread = threading.Thread(target=self._work, name="statekeep-store", daemon=True)

    @property
    def policy(self) -> Policy:
        if self._policy is None:
            raise RuntimeError("the store was not opened")
        return self._policy

    async def open(self) -> None:
        """Open the store. Raises what opening it raises. Called once, before anything else."""
        self._loop = asyncio.get_running_loop()
        self._opened = self._loop.create_future()
        self._ended = self._loop.create_future()
        self._thread.start()
        self._policy = await self._opened
        self._is_open = True

    @property
    def waiting(self) -> dict[str, int]:
        """How many requests wait in each queue, those that a thread has taken not included."""
        return {lane.name: lane.queue.qsize() for lane in self._lanes}

    @property
    def traffic(self) -> Traffic:
        """What went on between the store and its database; of a file, nothing is counted."""
        return self._traffic()

    async def answer(self, call: Call) -> Plain:
        reply: Plain = await self._done(call)
        return reply

    async def transact(self, operation: Callable[[Work], T]) -> T:
        result: T = await self._done(operation)
        return result

    async def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._outages.close()
            self._put_in()
            for lane in self._lanes:
                for _ in range(lane.threads):
                    lane.queue.put(None)
        await asyncio.shield(self._ended)

    async def _done(self, work: Call | Callable[[Work], Any]) -> Any:
        if not self._is_open:
            raise UnavailableError(
                what=THE_SERVER, problem="it is shutting down; nothing was changed", changed=False
            )
        lane = self._lane_of(work)
        if self._waiting >= self._waiting_limit:
            self._observers.queue_refused(lane.name)
            raise UnavailableError(
                what=THE_SERVER,
                problem=f"{self._waiting:,} requests wait already, which is the limit; nothing was changed",
                changed=False,
            )
        answered = self._loop.create_future()
        self._waiting += 1
        if not self._asked_now:
            # The requests that came at once are put in at once: a thread that is woken for the first of them
            # would take it alone, and the others would wait for another commit.
            self._loop.call_soon(self._put_in)
        self._asked_now.append((lane, Waiting(work, answered, self._observers.waits())))
        return await answered

    def _put_in(self) -> None:
        asked, self._asked_now = self._asked_now, []
        for lane, item in self._left_for_threads(asked):
            lane.queue.put(item)

    def _left_for_threads(self, asked: list[tuple[Lane, Waiting]]) -> list[tuple[Lane, Waiting]]:
        """Answer what takes the loop no time worth mentioning; return the rest."""
        return asked

    def _lane_of(self, work: Call | Callable[[Work], Any]) -> Lane:
        """Return where work waits; what comes from one client comes after what it was answered before."""
        del work
        return self._lanes[0]

    # --- in the store's threads --------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            store = self._open_store()
        except Exception as error:  # whatever it is, it is raised where the store was wanted
            self._tell(self._opened, error)
            self._tell(self._ended, None)
            return
        self._traffic = getattr(store, "traffic", self._traffic)
        self._tell(self._opened, store.policy)
        failure: Exception | None = None
        try:
            self._answer_in_threads(store)
            store.close()
        except Exception as error:  # whatever it is, it is raised where the store is closed
            failure = error
        self._tell(self._ended, failure)

    def _answer_in_threads(self, store: Store) -> None:
        """Serve the first lane here, and have threads do the rest; return when all are through."""
        lanes = [lane for lane in self._lanes for _ in range(lane.threads)]
        threads = [
            threading.Thread(target=self._answer_until_closed, args=(store, lane), daemon=True)
            for lane in lanes[1:]
        ]
        for thread in threads:
            thread.start()
        self._answer_until_closed(store, lanes[0])
        for thread in threads:
            thread.join()

    def _answer_until_closed(self, store: Store, lane: Lane) -> None:
        is_open = True
        while is_open:
            group = _next_group(lane)
            is_open = group[-1] is not None
            asked = [item for item in group if item is not None]
            for part in _parts(asked):
                self._answer_part(store, lane, part)

    def _answer_part(self, store: Store, lane: Lane, asked: list[Waiting]) -> None:
        answers = self._observed(store, lane, asked) if self._observers else _answers(store, asked)
        if isinstance(lane.queue, Turns):
            for item in asked:
                lane.queue.done(item)
        if any(map(_is_unavailable, answers)):
            self._loop.call_soon_threadsafe(self._outages.doubt)
        # Last: the loop, once it is woken, wants the interpreter that this thread has.
        self._loop.call_soon_threadsafe(self._deliver, asked, answers)

    def _observed(self, store: Store, lane: Lane, asked: list[Waiting]) -> list[Any]:
        began_at_ns = time.time_ns()
        answers = _answers(store, asked)
        origins = [item.origin for item in asked]
        self._observers.group_answered(Group(lane.name, origins, began_at_ns, time.time_ns()))
        return answers

    def _tell(self, future: asyncio.Future[Any], outcome: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            self._loop.call_soon_threadsafe(_settle, future, outcome)

    # --- in the loop again -------------------------------------------------------------------------------

    def _deliver(self, asked: list[Waiting], outcomes: list[Any]) -> None:
        self._waiting -= len(asked)
        for item, outcome in zip(asked, outcomes, strict=True):
            _settle(item.answered, outcome)


def _is_unavailable(answer: Any) -> bool:
    code = answer.get("code") if isinstance(answer, dict) else getattr(answer, "code", None)
    return bool(code == UnavailableError.code)


def _next_group(lane: Lane) -> list[Waiting | None]:
    """Wait for something to do, and return it with what waits behind it, up to the lane's measure."""
    group = [lane.queue.get()]
    with contextlib.suppress(Empty):
        while group[-1] is not None and len(group) < lane.taken_at_once:
            group.append(lane.queue.get_nowait())
    return group


def _parts(asked: list[Waiting]) -> list[list[Waiting]]:
    """Return what is answered in turn: the calls, and then each operation, for whose end no call waits."""
    calls = [item for item in asked if isinstance(item.work, tuple)]
    operations = [[item] for item in asked if not isinstance(item.work, tuple)]
    return [calls, *operations] if calls else operations


def _answers(store: Store, asked: list[Waiting]) -> list[Any]:
    """Return what comes of each: a reply or a result, or the error to raise."""
    calls = [item.work for item in asked if isinstance(item.work, tuple)]
    try:
        replies = iter(store.handle_group(calls) if calls else [])
    except Exception as fault:
        # The store promises not to raise. If it does, whoever waits for an answer must not wait forever.
        return [told_fault(fault)] * len(asked)
    return [next(replies) if isinstance(item.work, tuple) else _result(store, item.work) for item in asked]


def _result(store: Store, operation: Callable[[Work], Any]) -> Any:
    try:
        return store.transact(operation)
    except StatekeepError as error:
        return error
    except Exception as fault:  # whoever waits must be told something
        return told_fault(fault)


def _settle(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():  # whoever asked has gone away
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
