"""How the server reaches a store in a file: one thread writes; what reads one entry waits for none."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from statekeep_core._shared.state import messages as m
from statekeep_core.embedded import EmbeddedStore

from .engine import DEFAULT_WAITING_LIMIT, Lane, ThreadedEngine
from .handover import Handover
from .telemetry.observing import NOBODY, Group

if TYPE_CHECKING:
    from collections.abc import Callable

    from statekeep_core._shared.state.wire import Plain
    from statekeep_core.embedded import EmbeddedReader
    from statekeep_core.policy import Work

    from .engine import Call, Store, Waiting
    from .telemetry.observing import Observers

_GET = m.Get.__name__


class SqliteEngine(ThreadedEngine):
    """An :class:`Engine` on a store that one thread uses: a file takes one writer at a time anyway.

    What reads one entry is answered in the loop, on a connection that reads beside the writer: that takes
    less time than the way to another thread and back, and waits for no commit.
    """

    # The store forms its own groups of 256; taking more at once would only delay those that come later.
    _TAKEN_AT_ONCE = 256
    # The loop has others to serve meanwhile: these take it 2 ms. What is more goes to the store's thread.
    _READ_AT_ONCE = 64

    def __init__(
        self,
        open_store: Callable[[], Store],
        *,
        waiting_limit: int = DEFAULT_WAITING_LIMIT,
        observers: Observers = NOBODY,
    ) -> None:
        lane = Lane("all", Handover(self._TAKEN_AT_ONCE), 1, self._TAKEN_AT_ONCE)
        self._reader: EmbeddedReader | None = None
        super().__init__(
            lambda: self._for_others(open_store()), (lane,), waiting_limit=waiting_limit, observers=observers
        )

    async def close(self) -> None:
        if self._reader is not None:
            # Before the store: the last who closes the file folds the log into it.
            self._reader.close()
            self._reader = None
        await super().close()

    def _for_others(self, store: Store) -> Store:
        """Return the store as it is for those who ask over HTTP, and have a reader beside it."""
        if isinstance(store, EmbeddedStore):
            try:
                store.serve()
                self._reader = store.reader()
            except BaseException:
                store.close()
                raise
        return store

    def _left_for_threads(self, asked: list[tuple[Lane, Waiting]]) -> list[tuple[Lane, Waiting]]:
        if self._reader is None:
            return asked
        reads: list[tuple[Lane, Waiting]] = []
        others: list[tuple[Lane, Waiting]] = []
        for each in asked:
            is_read = len(reads) < self._READ_AT_ONCE and _reads_one_entry(each[1].work)
            (reads if is_read else others).append(each)
        if not reads:
            return asked
        replies = self._read(self._reader, [item for _, item in reads])
        return others + [each for each, reply in zip(reads, replies, strict=True) if reply is None]

    def _read(self, reader: EmbeddedReader, asked: list[Waiting]) -> list[Plain | None]:
        """Answer what can be read at once; return the replies, None for what the store is to answer."""
        began_at_ns = time.time_ns()
        replies = reader.read([item.work for item in asked if isinstance(item.work, tuple)])
        told = [(item, reply) for item, reply in zip(asked, replies, strict=True) if reply is not None]
        if told and self._observers:
            origins = [item.origin for item, _ in told]
            self._observers.group_answered(Group(self._lanes[0].name, origins, began_at_ns, time.time_ns()))
        self._deliver([item for item, _ in told], [reply for _, reply in told])
        return replies


def _reads_one_entry(work: Call | Callable[[Work], Any]) -> bool:
    return isinstance(work, tuple) and work[2].get("kind") == _GET
