"""How the server reaches a store, and how requests that wait together become one commit."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from statekeep_core._shared.state.errors import InternalFaultError, StatekeepError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from statekeep_core._shared.state.wire import Plain
    from statekeep_core.policy import Policy, Work

    # The claims, the request id and the request, all plain.
    Call = tuple[Plain, str, Plain]

    class Store(Protocol):
        """What answers groups; used by one thread at a time."""

        policy: Policy

        def handle_group(self, calls: Sequence[Call]) -> list[Plain]: ...
        def transact(self, operation: Callable[[Work], Any]) -> Any: ...
        def close(self) -> None: ...


T = TypeVar("T")

DEFAULT_WAITING_LIMIT = 4_096
# The store forms its own groups of 256; taking more at once would only delay those that come later.
_TAKEN_AT_ONCE = 256


class Engine(Protocol):
    """A store, for the tasks of one event loop. Callable in that loop only."""

    @property
    def policy(self) -> Policy:
        """What the store allows and keeps."""
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


class _Waiting(NamedTuple):
    work: Call | Callable[[Work], Any]
    answered: asyncio.Future[Any]


class SqliteEngine:
    """An :class:`Engine` on a store that is opened, used and closed in one thread of its own.

    What waits while a group commits becomes the next group, so that many requests share one fsync and a lone
    one waits for nothing.
    """

    def __init__(
        self, open_store: Callable[[], Store], *, waiting_limit: int = DEFAULT_WAITING_LIMIT
    ) -> None:
        self._open_store = open_store
        self._waiting_limit = waiting_limit
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._waiting = 0
        self._is_open = False
        self._policy: Policy | None = None
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

    async def answer(self, call: Call) -> Plain:
        reply: Plain = await self._done(call)
        return reply

    async def transact(self, operation: Callable[[Work], T]) -> T:
        result: T = await self._done(operation)
        return result

    async def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._queue.put(None)
        await asyncio.shield(self._ended)

    async def _done(self, work: Call | Callable[[Work], Any]) -> Any:
        if not self._is_open:
            raise UnavailableError(what="the server", problem="it is shutting down; nothing was changed")
        if self._waiting >= self._waiting_limit:
            raise UnavailableError(
                what="the server",
                problem=f"{self._waiting:,} requests wait already, which is the limit; nothing was changed",
            )
        answered = self._loop.create_future()
        self._waiting += 1
        self._queue.put(_Waiting(work, answered))
        return await answered

    # --- in the store's thread ---------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            store = self._open_store()
        except Exception as error:  # whatever it is, it is raised where the store was wanted
            self._tell(self._opened, error)
            self._tell(self._ended, None)
            return
        self._tell(self._opened, store.policy)
        failure: Exception | None = None
        try:
            self._answer_until_closed(store)
            store.close()
        except Exception as error:  # whatever it is, it is raised where the store is closed
            failure = error
        self._tell(self._ended, failure)

    def _answer_until_closed(self, store: Store) -> None:
        is_open = True
        while is_open:
            group = self._next_group()
            is_open = group[-1] is not None
            asked = [item for item in group if item is not None]
            self._loop.call_soon_threadsafe(self._deliver, asked, _answers(store, asked))

    def _next_group(self) -> list[_Waiting | None]:
        group = [self._queue.get()]
        with contextlib.suppress(Empty):
            while group[-1] is not None and len(group) < _TAKEN_AT_ONCE:
                group.append(self._queue.get_nowait())
        return group

    def _tell(self, future: asyncio.Future[Any], outcome: Any) -> None:
        self._loop.call_soon_threadsafe(_settle, future, outcome)

    # --- in the loop again -------------------------------------------------------------------------------

    def _deliver(self, asked: list[_Waiting], outcomes: list[Any]) -> None:
        self._waiting -= len(asked)
        for item, outcome in zip(asked, outcomes, strict=True):
            _settle(item.answered, outcome)


def _answers(store: Store, asked: list[_Waiting]) -> list[Any]:
    """Return what comes of each: a reply or a result, or the error to raise."""
    calls = [item.work for item in asked if isinstance(item.work, tuple)]
    try:
        replies = iter(store.handle_group(calls) if calls else [])
    except Exception as fault:
        # The store promises not to raise. If it does, whoever waits for an answer must not wait forever.
        return [InternalFaultError(problem=f"{type(fault).__name__}: {fault}")] * len(asked)
    return [next(replies) if isinstance(item.work, tuple) else _result(store, item.work) for item in asked]


def _result(store: Store, operation: Callable[[Work], Any]) -> Any:
    try:
        return store.transact(operation)
    except StatekeepError as error:
        return error
    except Exception as fault:  # whoever waits must be told something
        return InternalFaultError(problem=f"{type(fault).__name__}: {fault}")


def _settle(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():  # whoever asked has gone away
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
