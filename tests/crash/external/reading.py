"""What an operator reads of a store whose values a backend has, through the real reading of the SDK."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

from statekeep import config
from statekeep._shared.state import messages as m
from statekeep._shared.state import wire
from statekeep._shared.state.errors import NotFoundError, StatekeepError
from statekeep.accessors.drivers import Transport, run
from statekeep.accessors.entries import change_from, entry_from
from statekeep.accessors.offloading import Offloading
from statekeep.backends.configured import Backends

from tests.crash.external.job import numbers
from tests.crash.external.stores import is_served, open_client, open_directly
from tests.crash.external.values import number_of
from tests.crash.job import OUTLET
from tests.crash.ledger import Ledger, Read, Snapshot
from tests.crash.steps import Killer
from tests.crash.supervise import TASK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TASK_ADDRESS = m.TaskAddress(*TASK)
ASSET_ADDRESS = m.AssetAddress(name=OUTLET)
_PAUSE_SECONDS = 0.01
_ALL_ROWS = 1_000


class OperatorTransport(Transport):
    """Asks a store as an operator. Callable from any thread."""

    def __init__(self, ask: Callable[[wire.Plain, wire.Plain, str], wire.Plain]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._claims = wire.to_plain(m.OperatorClaims("operator"))

    def call(self, request: Any, request_id: str | None = None) -> Any:
        with self._lock:
            reply = self._ask(self._claims, wire.to_plain(request), request_id or "")
        return wire.raise_if_refused(wire.from_plain(reply, ignore_unknown=True))

    async def acall(self, request: Any, request_id: str | None = None) -> Any:
        return self.call(request, request_id)


class Reader:
    """Reads entries and history with their values. A context manager: it closes the store.

    ``store`` is that, opened past any server; ``transport`` asks the server where there is one.
    """

    def __init__(self, store: str, environ: Mapping[str, str], ahead_seconds: float) -> None:
        self.store = open_directly(store, environ, ahead_seconds)
        self._client = open_client(store, environ, 0.0, Killer(None)) if is_served(environ) else None
        self.transport = OperatorTransport(self._client.ask if self._client else self._ask_directly)
        self.store_id: str = self.transport.call(m.DescribeStore()).store_id
        workers = config.load(environ).workers
        self.backends = Backends.of_settings(workers, environ)
        self.backends.belong_to(self.store_id)
        self._offloading = Offloading(self.backends, lambda target: target, 65_536)  # type: ignore[arg-type,return-value]  # an operator's targets are addresses

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()
        self.store.close()

    def _ask_directly(self, claims: wire.Plain, request: wire.Plain, request_id: str) -> wire.Plain:
        reply: wire.Plain = self.store.handle_group([(claims, request_id, request)])[0]
        return reply

    def entries(self, target: m.TaskAddress | m.AssetAddress) -> list[Any]:
        """Return the target's entries; none when nothing has named it yet."""
        try:
            page = run(
                self._offloading.perform(m.ListEntries(target, limit=_ALL_ROWS, with_values=True)),
                self.transport,
            )
        except NotFoundError:
            return []
        return [entry_from(entry, None) for entry in page.entries]

    def history(self) -> list[Any]:
        """Return the asset's kept changes, newest first."""
        try:
            reply = run(
                self._offloading.perform(m.ListHistory(ASSET_ADDRESS, None, _ALL_ROWS)), self.transport
            )
        except NotFoundError:
            return []
        return [change_from(change, None) for change in reply.changes]

    def reads(self, reader: str) -> list[Read]:
        """Return everything there is to read, as records."""
        task, asset = self.entries(TASK_ADDRESS), self.entries(ASSET_ADDRESS)
        rows = [row for row in self.history() if row.value is not None]
        listed = [("task", each) for each in task] + [("asset", each) for each in (*asset, *rows)]
        return [Read(reader, where, e.key, e.version, number_of(e.key, e.value)) for where, e in listed]

    def snapshot(self) -> Snapshot:
        """Return how everything stands, when nobody is at work."""
        rows = self.transport.call(m.ListTries(limit=_ALL_ROWS)).tries
        statuses = {row.try_number: row.status.replace("lapsed", "running") for row in rows}
        staged = self.store.transact(
            lambda work: work.tx.rows("SELECT DISTINCT try_number FROM staged_operations")
        )
        task, asset = numbers(self.entries(TASK_ADDRESS)), numbers(self.entries(ASSET_ADDRESS))
        return Snapshot(statuses, task, asset, tuple(number for (number,) in staged))


def observe(
    store: str, environ: Mapping[str, str], ahead_seconds: float, ledger: Ledger, until: threading.Event
) -> int:
    """Read everything once, and again and again until the event is set; return how often.

    An error is a record, too: while values are overwritten and swept, no reader meets one.
    """
    rounds = 0
    known: set[Read] = set()
    with Reader(store, environ, ahead_seconds) as reader, closing(ledger):
        while not rounds or not until.wait(_PAUSE_SECONDS):
            try:
                reads = reader.reads("observer")
            except StatekeepError as error:
                reads = [Read("observer", "task", "", None, f"{type(error).__name__}: {error}")]
            for read in reads:
                if read not in known:
                    known.add(read)
                    ledger.append(read)
            rounds += 1
    return rounds
