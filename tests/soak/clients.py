"""Clients that never rest: each runs try after try of its own tasks, and knows what each key must hold."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from threading import Lock, Thread
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from statekeep._shared.state import messages as m
from statekeep._shared.state.errors import StatekeepError
from statekeep.client.http import HttpClient
from statekeep.client.store_client import call

_TASKS = 20
_KEYS = 15
_DEEDS_OF_A_TRY = 40
_LARGEST_VALUE_BYTES = 4_000
_PATIENCE_SECONDS = 60.0
_ANSWER_SECONDS = 20.0
_LEASE_SECONDS = 300.0


class Proofs(NamedTuple):
    """Where the servers are, and the credentials that they take."""

    urls: Sequence[str]
    worker: str
    operator: str


class Tally:
    """What all clients have met since it was last taken. Callable from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._latencies_ms: list[float] = []
        self._counts: Counter[str] = Counter()

    def count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1

    def answered(self, latency_ms: float) -> None:
        with self._lock:
            self._latencies_ms.append(latency_ms)

    def take(self) -> tuple[list[float], Counter[str]]:
        """Return the latencies and the counts, and begin anew."""
        with self._lock:
            taken = sorted(self._latencies_ms), self._counts
            self._latencies_ms, self._counts = [], Counter()
        return taken


class Client(Thread):
    """One that goes on until ``is_over`` says so; a fault of its own counts as ``fault``."""

    def __init__(
        self, number: int, seed: int, proofs: Proofs, tally: Tally, is_over: Callable[[], bool]
    ) -> None:
        super().__init__(daemon=True)
        self._number = number
        self._draw = random.Random(f"{seed} {type(self).__name__} {number}")
        self._proofs = proofs
        self._tally = tally
        self._is_over = is_over

    def run(self) -> None:
        while not self._is_over():
            try:
                self.act()
            except Exception as fault:  # a soak goes on, and its verdict says what happened
                self._tally.count(f"fault: {type(fault).__name__}: {fault}"[:200])

    def act(self) -> None:
        raise NotImplementedError

    def connected(self, credential: str) -> HttpClient:
        return HttpClient(
            self._proofs.urls,
            credential,
            patience_seconds=_PATIENCE_SECONDS,
            answer_seconds=_ANSWER_SECONDS,
            say=lambda _message: self._tally.count("outages noticed"),
        )

    def ask(self, client: HttpClient, claims: m.Claims, request: Any) -> Any:
        """Return the reply; None for a refusal, which is counted."""
        began_at = time.monotonic()
        try:
            return call(client, claims, request)
        except StatekeepError as error:
            self._tally.count(f"refused: {error.code}")
            return None
        finally:
            self._tally.answered((time.monotonic() - began_at) * 1_000)


class Worker(Client):
    """Runs tries of its own tasks, one after the other; nobody else touches their state."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._client = self.connected(self._proofs.worker)
        self._held: dict[str, dict[str, Any]] = {}
        self._asset = m.AssetAddress(f"asset-{self._number}")

    def act(self) -> None:
        task_id = f"{self._number}-{self._draw.randrange(_TASKS)}"
        task = m.TaskAddress("soak", "r", task_id)
        start = m.Start(task, outlets=(self._asset,), rerun=True, lease_seconds=_LEASE_SECONDS)
        started = self.ask(self._client, m.WorkerClaims("soak"), start)
        if started is None:
            return
        claims = m.TryClaims(started.instance_id, started.try_number)
        held = self._held.setdefault(task_id, {})
        for _ in range(_DEEDS_OF_A_TRY):
            self._do(claims, held, started.grants[0].asset_id)
        self.ask(self._client, claims, m.Finish(self._draw.random() < 0.9, 0))

    def _do(self, claims: m.TryClaims, held: dict[str, Any], asset_id: int) -> None:
        key = f"k{self._draw.randrange(_KEYS)}"
        deed = self._draw.choices(
            (self._set, self._get, self._add, self._remove, self._batch, self._look, self._stage),
            (30, 30, 10, 5, 10, 10, 5),
        )[0]
        deed(claims, held, key, asset_id)

    def _set(self, claims: m.TryClaims, held: dict[str, Any], key: str, _asset_id: int) -> None:
        value = "x" * self._draw.randrange(_LARGEST_VALUE_BYTES)
        self._learn(self.ask(self._client, claims, m.Set(key, json.dumps(value).encode())), held, key, value)

    def _get(self, claims: m.TryClaims, held: dict[str, Any], key: str, _asset_id: int) -> None:
        self._compare(self.ask(self._client, claims, m.Get(key)), held, key)

    def _add(self, claims: m.TryClaims, held: dict[str, Any], _key: str, _asset_id: int) -> None:
        entry = self.ask(self._client, claims, m.Increment("n", b"1"))
        known = held.get("n", 0)
        if entry is not None and known is not ... and json.loads(entry.value) != known + 1:
            self._tally.count("wrong: a sum")
        held["n"] = ... if entry is None else json.loads(entry.value)

    def _remove(self, claims: m.TryClaims, held: dict[str, Any], key: str, _asset_id: int) -> None:
        self._learn(self.ask(self._client, claims, m.Delete(key)), held, key, None)

    def _batch(self, claims: m.TryClaims, held: dict[str, Any], key: str, _asset_id: int) -> None:
        value = self._draw.randrange(10**9)
        operations = (m.Set(key, b"%d" % value), m.Get(key), m.Set(f"{key}~", b"%d" % value))
        done = self.ask(self._client, claims, m.Batch(operations))
        self._learn(done, held, key, value)
        self._learn(done, held, f"{key}~", value)

    def _look(self, claims: m.TryClaims, held: dict[str, Any], _key: str, _asset_id: int) -> None:
        self.ask(self._client, claims, m.Heartbeat(_LEASE_SECONDS))
        page = self.ask(self._client, claims, m.ListEntries(with_values=True))
        for entry in page.entries if page is not None else ():
            self._compare(entry, held, entry.key)

    def _stage(self, claims: m.TryClaims, _held: dict[str, Any], key: str, asset_id: int) -> None:
        self.ask(self._client, claims, m.SetMax(key, b"%d" % self._draw.randrange(10**9), target=asset_id))

    def _learn(self, reply: Any, held: dict[str, Any], key: str, value: Any) -> None:
        held[key] = ... if reply is None else value  # what became of an unanswered write nobody knows

    def _compare(self, entry: Any, held: dict[str, Any], key: str) -> None:
        expected = held.get(key)
        if entry is None or expected is ...:
            return
        found = json.loads(entry.value) if isinstance(entry, m.Entry) else None
        if found != expected:
            self._tally.count("wrong: a read")


class Operator(Client):
    """A person's tool that looks around, and rewinds what it finds."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._client = self.connected(self._proofs.operator)

    def act(self) -> None:
        claims = m.OperatorClaims("soak")
        self.ask(self._client, claims, m.ListTries(limit=self._draw.choice((1, 100))))
        assets = self.ask(self._client, claims, m.ListAssets())
        for asset in assets.assets[:3] if assets is not None else ():
            history = self.ask(self._client, claims, m.ListHistory(asset.asset_id))
            if history is not None and history.changes:
                change = self._draw.choice(history.changes)
                self.ask(self._client, claims, m.Rewind(asset.asset_id, change.key, change.version))
        self.ask(self._client, claims, m.DescribeStore(with_objects=True))
        self.ask(self._client, claims, m.SweepStep())
        time.sleep(self._draw.uniform(0.05, 0.2))  # one person among many workers


class Trespasser(Client):
    """Sends what is no request, half a request, or too many, and goes away without an answer."""

    _SENT = (
        b"",
        b"POST /execution/v1/get HTTP/1.1\r\nHost: x\r\n",
        b"POST /execution/v1/get HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nContent-Length: 9\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 200,
        b"\x16\x03\x01" + b"\xff" * 500,
        b"POST /execution/v1/set HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
    )

    def act(self) -> None:
        where = urlsplit(self._draw.choice(self._proofs.urls))
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for _ in range(20):
                connection = stack.enter_context(
                    socket.create_connection((where.hostname, where.port), timeout=5)
                )
                connection.sendall(self._draw.choice(self._SENT))
            self._tally.count("trespasses")
            time.sleep(self._draw.uniform(0.0, 2.0))  # keeps the connections open for a while
        time.sleep(0.2)
