"""What an operator sees of a store, while tries run and between them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state import wire
from statekeep_core.embedded import EmbeddedStore, open_store

from tests.crash.job import OUTLET
from tests.crash.ledger import Glimpse, Ledger, Snapshot, State
from tests.crash.supervise import TASK

_PAUSE_SECONDS = 0.005


def take_snapshot(store_path: Path) -> Snapshot:
    """Return what there is to see when no supervisor is at work."""
    with closing(open_store(store_path)) as store:
        statuses, task, asset = look(store)
        staged = store.transact(
            lambda work: work.tx.rows("SELECT DISTINCT try_number FROM staged_operations")
        )
    return Snapshot(statuses, task, asset, tuple(number for (number,) in staged))


def observe(store_path: Path, ledger: Ledger, until: Event) -> int:
    """Add a glimpse to the ledger again and again until the event is set; return how many."""
    glimpses = 0
    with closing(open_store(store_path)) as store:
        while not until.wait(_PAUSE_SECONDS):
            statuses, _task, asset = look(store)
            ledger.append(Glimpse(statuses, asset))
            glimpses += 1
    return glimpses


def lease_until(store_path: Path, try_number: int) -> int:
    """Return until when the store has leased a try, in microseconds of the boot-time clock."""
    query = "SELECT lease_until FROM tries WHERE try_number = ?"
    with closing(open_store(store_path)) as store:
        [(until,)] = store.transact(lambda work: work.tx.rows(query, (try_number,)))
    return int(until)


def look(store: EmbeddedStore) -> tuple[dict[int, str], State, State]:
    """Return how the tries stand, and the state of the task and of its outlet, all of one instant."""
    tries, task, asset = ask(
        store,
        m.ListTries(),
        m.ListEntries(m.TaskAddress(*TASK), with_values=True),
        m.ListEntries(m.AssetAddress(OUTLET), with_values=True),
    )
    # A try is running for the store until it is superseded, whatever became of its lease.
    statuses = {row.try_number: row.status.replace("lapsed", "running") for row in tries.tries}
    return statuses, dict(_values(task)), dict(_values(asset))


def ask(store: EmbeddedStore, *requests: Any) -> list[Any]:
    """Ask as an operator and return the replies, refusals included."""
    claims = wire.to_plain(m.OperatorClaims("observer"))
    replies = store.handle_group([(claims, "", wire.to_plain(request)) for request in requests])
    return [wire.from_plain(reply) for reply in replies]


def _values(reply: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(reply, m.Refusal):  # the first try has not come so far as to name the task or the asset
        assert reply.code == "not_found", reply
        return
    for entry in reply.entries:
        yield entry.key, json.loads(entry.value)
