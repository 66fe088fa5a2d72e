"""The requests whose cost must not grow with the store: each asked alone, of rows all over the store."""

from __future__ import annotations

import itertools
import random
import secrets
from typing import TYPE_CHECKING, Any

from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state import wire
from statekeep_core.retention import sweep_step

from benchmarks.grown_rows import PLAIN_KEYS, VALUE, task_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.grown_rows import Grown

TOGETHER = 64
_STEP_ROWS = 100
_OWN_RETENTION, _DEFAULT_RETENTION, _OLD_REQUESTS = '[0,-1,-1,""]', '[1,{},""]', '[4,-1,"",""]'


class GrownRequests:
    """Asks a store of a known size; each method is one thing to time. A small store is gone through again."""

    def __init__(self, store: Any, grown: Grown) -> None:
        self._store = store
        self._grown = grown
        self._running = _shuffled(grown.running(), PLAIN_KEYS)
        self._written = _shuffled(grown.running(), PLAIN_KEYS)
        self._tries = _shuffled(grown.running(), ("",))
        self._succeeded = _shuffled(grown.succeeded(), ("",))
        self._started: list[m.Started] = []

    def get_one(self) -> None:
        instance_id, key = next(self._running)
        self._ask((_claims(instance_id), m.Get(key)))

    def set_one(self) -> None:
        instance_id, key = next(self._written)
        self._ask((_claims(instance_id), m.Set(key, VALUE)))

    def get_together(self) -> None:
        self._ask(*((_claims(number), m.Get(key)) for number, key in _some(self._running)))

    def set_together(self) -> None:
        self._ask(*((_claims(number), m.Set(key, VALUE)) for number, key in _some(self._written)))

    def list_entries(self) -> None:
        self._ask((_claims(next(self._tries)[0]), m.ListEntries(limit=100)))

    def increment(self) -> None:
        self._ask((_claims(next(self._tries)[0]), m.Increment("count", b"1")))

    def start(self) -> None:
        task = task_of(next(self._succeeded)[0])
        [reply] = self._ask((m.WorkerClaims("bench"), m.Start(task, rerun=True)))
        self._started.append(wire.from_plain(reply))

    def finish(self) -> None:
        started = self._started.pop()
        claims = m.TryClaims(started.instance_id, started.try_number)
        self._ask((claims, m.Finish(succeeded=True)))

    def sweep_expired(self) -> None:
        self._sweep(_OWN_RETENTION)

    def sweep_instances(self) -> None:
        self._sweep(_DEFAULT_RETENTION.format(random.randrange(self._grown.instances)))  # noqa: S311 -- no secret

    def sweep_requests(self) -> None:
        self._sweep(_OLD_REQUESTS)

    def _sweep(self, cursor: str) -> None:
        self._store.transact(lambda work: sweep_step(work, cursor, room=_STEP_ROWS))

    def _ask(self, *asked: tuple[Any, Any]) -> list[Any]:
        calls = [
            (
                wire.to_plain(claims),
                "" if _is_blind(request) else secrets.token_hex(16),
                wire.to_plain(request),
            )
            for claims, request in asked
        ]
        replies: list[Any] = self._store.handle_group(calls)
        for reply in replies:
            if reply["kind"] == "Refusal":
                raise RuntimeError(f"refused: {reply}")
        return replies


# What is timed: its name, the method, how many requests or rows it is, and how often it is asked in a round.
TIMED: tuple[tuple[str, Callable[[GrownRequests], None], int, int], ...] = (
    ("get", GrownRequests.get_one, 1, 200),
    ("set", GrownRequests.set_one, 1, 200),
    ("get, of 64 together", GrownRequests.get_together, TOGETHER, 5),
    ("set, of 64 together", GrownRequests.set_together, TOGETHER, 5),
    ("list of 10", GrownRequests.list_entries, 1, 50),
    ("increment", GrownRequests.increment, 1, 25),
    ("start", GrownRequests.start, 1, 25),
    ("finish", GrownRequests.finish, 1, 25),
    ("sweep step, expired: a row", GrownRequests.sweep_expired, _STEP_ROWS, 1),
    ("sweep step, instances: one", GrownRequests.sweep_instances, _STEP_ROWS, 1),
    ("sweep step, requests: a row", GrownRequests.sweep_requests, _STEP_ROWS, 1),
)


def _claims(instance_id: int) -> m.TryClaims:
    return m.TryClaims(instance_id, 1)


def _is_blind(request: Any) -> bool:
    return isinstance(request, m.Get | m.Set | m.ListEntries)


def _some(pairs: Iterator[tuple[int, str]]) -> list[tuple[int, str]]:
    return [next(pairs) for _ in range(TOGETHER)]


def _shuffled(instance_ids: range, keys: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    pairs = [(instance_id, key) for instance_id in instance_ids for key in keys]
    random.shuffle(pairs)
    return itertools.cycle(pairs)
