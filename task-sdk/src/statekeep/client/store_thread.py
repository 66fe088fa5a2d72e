"""The thread that alone uses an embedded store: what interrupts others does not interrupt the store."""

from __future__ import annotations

import contextlib
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .._shared.state.errors import InternalFaultError, UnavailableError
from .._shared.state.wire import plain_refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .._shared.state.wire import Plain

    Call = tuple[Plain, str, Plain]

    class EmbeddedStore(Protocol):
        """What the core offers; plain data only, because the two hold different copies of the contract."""

        path: Path

        def handle_group(self, calls: Sequence[Call]) -> list[Plain]: ...
        def close(self) -> None: ...


class _Submitted(NamedTuple):
    call: Call
    on_reply: Callable[[Plain], None]


class StoreThread:
    """A :class:`StoreClient` whose store is opened, used and closed in a thread of its own, and nowhere else.

    What interrupts a caller (Ctrl-C, a signal handler that raises) interrupts its waiting only. What is
    waiting while a group commits becomes the next group, so that many requests share one fsync and a lone
    one waits for nothing.
    """

    def __init__(self, open_store: Callable[[], EmbeddedStore]) -> None:
        """Open the store. Raises what ``open_store`` raises."""
        self._waiting: SimpleQueue[_Submitted | None] = SimpleQueue()
        self._opened: SimpleQueue[Exception | None] = SimpleQueue()
        self._closed: SimpleQueue[Exception | None] = SimpleQueue()
        self._has_ended = False
        self._thread = Thread(target=self._work, args=(open_store,), name="statekeep-store", daemon=True)
        try:
            self._thread.start()
            _raise_if(self._opened.get())
        except BaseException:
            self._waiting.put(None)  # nobody will ask, so that the thread closes what it opens
            raise

    def submit(
        self, claims: Plain, request: Plain, request_id: str, *, on_reply: Callable[[Plain], None]
    ) -> None:
        self._waiting.put(_Submitted((claims, request_id, request), on_reply))
        if self._has_ended:  # and sees nothing more; what came just before, either side may refuse
            self._refuse_the_rest()

    def ask(self, claims: Plain, request: Plain, request_id: str) -> Plain:
        replies: SimpleQueue[Plain] = SimpleQueue()
        self.submit(claims, request, request_id, on_reply=replies.put)
        return replies.get()

    def close(self) -> None:
        """Answer what was submitted, and close the store. What is submitted later is refused."""
        self._waiting.put(None)
        self._thread.join()
        with contextlib.suppress(Empty):  # closed before
            _raise_if(self._closed.get_nowait())

    def _work(self, open_store: Callable[[], EmbeddedStore]) -> None:
        try:
            store = open_store()
        except Exception as error:  # whatever it is, it is raised where the store was wanted
            self._opened.put(error)
            return
        self._opened.put(None)
        try:
            self._answer_until_closed(store)
        finally:
            self._closed.put(_error_of(store.close))
            self._has_ended = True
            self._refuse_the_rest()

    def _answer_until_closed(self, store: EmbeddedStore) -> None:
        open_for_more = True
        while open_for_more:
            group = self._next_group()
            if group[-1] is None:
                open_for_more = False
            submitted = [item for item in group if item is not None]
            replies = answers(store, [item.call for item in submitted])
            for item, reply in zip(submitted, replies, strict=True):
                item.on_reply(reply)

    def _next_group(self) -> list[_Submitted | None]:
        group = [self._waiting.get()]
        with contextlib.suppress(Empty):
            while group[-1] is not None:
                group.append(self._waiting.get_nowait())
        return group

    def _refuse_the_rest(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                late = self._waiting.get_nowait()
                if late is not None:
                    closed = UnavailableError(what="the store", problem="it was closed; nothing was changed")
                    late.on_reply(plain_refusal(closed))


def answers(store: EmbeddedStore, calls: list[Call]) -> list[Plain]:
    """Return the store's replies to the calls."""
    try:
        return store.handle_group(calls) if calls else []
    except Exception as fault:
        # The store promises not to raise. If it does, whoever waits for an answer must not wait forever.
        return [plain_refusal(InternalFaultError(problem=f"{type(fault).__name__}: {fault}"))] * len(calls)


def _error_of(act: Callable[[], None]) -> Exception | None:
    try:
        act()
    except Exception as error:  # whatever it is, it is raised in the thread that waits
        return error
    return None


def _raise_if(error: Exception | None) -> None:
    if error is not None:
        raise error
