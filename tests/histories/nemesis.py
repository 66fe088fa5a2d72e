"""What happens to servers, connections and clients while they work: drawn at random, and counted."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from threading import Lock
from typing import Protocol

from tests.histories.serving import Server
from tests.object_store.faulty_proxy import Fault

_STOPPED_SECONDS = (0.1, 1.5)
_PAUSE_SECONDS = (0.05, 0.4)
_LATE_SECONDS = (0.0, 1.0)
_WEIGHTS = (30, 42, 28, 15)  # to kill a server, to stop one, to stop a client, to kill the database

# How often each comes, of those that do: an answer lost after the commit is the fault that matters most.
_FAULTS = {
    Fault.CUT_ANSWER: 6,
    Fault.CUT_IN_ANSWER: 2,
    Fault.CUT_BEFORE: 2,
    Fault.CUT_MIDWAY: 2,
    Fault.SILENCE: 1,
    Fault.SLOW: 1,
    Fault.BUSY: 2,
}


class Stoppable(Protocol):
    """A process that can be sent a signal."""

    def signal(self, number: int) -> None: ...


class Database(Protocol):
    """A database that can be killed and started again."""

    def kill(self) -> None: ...
    def start(self) -> None: ...


class Faults:
    """Names a fault for one request in so many, while it is switched on. Callable from any thread."""

    def __init__(self, one_in: int) -> None:
        self.counts: Counter[str] = Counter()
        self.is_on = False
        self._draw = random.Random()
        self._one_in = one_in
        self._lock = Lock()

    def reseed(self, seed: int) -> None:
        """Begin anew: with other faults, none counted, and switched on."""
        with self._lock:
            self.counts = Counter()
            self.is_on = True
            self._draw = random.Random(seed)

    def __call__(self, _number: int, _head: bytes) -> Fault | None:
        with self._lock:
            if not self.is_on or self._draw.randrange(self._one_in):
                return None
            [fault] = self._draw.choices(list(_FAULTS), list(_FAULTS.values()))
            self.counts[fault.name] += 1
            return fault

    def late_seconds(self, _head: bytes) -> float | None:
        """Say how late a request comes, if it does."""
        with self._lock:
            if not self.is_on or self._draw.randrange(4 * self._one_in):
                return None
            self.counts["LATE"] += 1
            return self._draw.uniform(*_LATE_SECONDS)


class Nemesis:
    """Kills and stops servers, stops clients, kills the database. Whoever is stopped goes on soon."""

    def __init__(
        self,
        seed: int,
        servers: Sequence[Server],
        clients: Sequence[Stoppable],
        database: Database | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._draw = random.Random(seed)
        self._servers = servers
        self._clients = clients
        self._database = database
        of_a_database = () if database is None else (self._kill_database,)
        self._all = (self._kill, self._stop_server, self._stop_client, *of_a_database)

    def rage(self, seconds: float) -> None:
        """Do each thing once, and then what comes, for so long; everything runs again after it."""
        end_at = time.monotonic() + seconds
        deeds = [*self._all]
        self._draw.shuffle(deeds)
        while deeds or time.monotonic() < end_at:
            time.sleep(self._draw.uniform(*_PAUSE_SECONDS))
            one = deeds.pop() if deeds else self._draw.choices(self._all, _WEIGHTS[: len(self._all)])[0]
            one()

    def _stop_server(self) -> None:
        self._stop("servers stopped", self._draw.choice(self._servers))

    def _stop_client(self) -> None:
        self._stop("clients stopped", self._draw.choice(self._clients))

    def _kill(self) -> None:
        server = self._draw.choice(self._servers)
        server.kill()
        self.counts["servers killed"] += 1
        server.start()

    def _kill_database(self) -> None:
        if self._database is not None:
            self._database.kill()
            self._database.start()
            self.counts["databases killed"] += 1

    def _stop(self, what: str, stopped: Stoppable) -> None:
        stopped.signal(signal.SIGSTOP)
        try:
            time.sleep(self._draw.uniform(*_STOPPED_SECONDS))
        finally:
            stopped.signal(signal.SIGCONT)
        self.counts[what] += 1
