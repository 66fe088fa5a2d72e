"""Has many clients ask everything of several servers for hours, while those are killed, and looks for leaks.

`scripts/soak --minutes 60 --database postgresql`; the last line is the verdict, and a bad one has status 1.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import NamedTuple

from tests.histories.serving import Server
from tests.postgresql.cluster import running_cluster
from tests.soak.clients import Client, Operator, Proofs, Tally, Trespasser, Worker
from tests.soak.watching import Store, Taken, taken

# What a client that asks nothing forbidden may meet all the same, here.
_EXPECTED = ("refused: not_found", "refused: unavailable", "refused: unsupported", "refused: invalid_request")
_EXPECTED_WORDS = ("outages noticed", "trespasses", "killed", "ended")
# The first part of a soak is left out of what is compared: caches fill, and tables get their first rows.
_WARMING_UP = 0.25
_MOST_GROWTH = 1.2
_MOST_GROWTH_MIB = 24.0
_MOST_NEW_DESCRIPTORS = 40
_PAUSE_SECONDS = (5.0, 20.0)


class Options(NamedTuple):
    minutes: float
    seed: int
    database: str
    servers: int
    workers: int
    interval_seconds: float


def main(arguments: Sequence[str]) -> int:
    """Run a soak and return the exit status."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, _store_url(options, Path(folder)) as url:
        servers = [Server(Path(folder), url, number) for number in range(options.servers)]
        try:
            for server in servers:
                server.start()
            faults = Soak(options, servers, Store(url)).run()
        finally:
            for server in servers:
                server.close()
    print("verdict: " + ("; ".join(faults) or "nothing leaks, nothing is wrong"), flush=True)
    return 1 if faults else 0


class Soak:
    """One soak: its clients, its nemesis, and what was seen at each interval.

    The first server is never killed: what it takes up after an hour is what is looked at.
    """

    def __init__(self, options: Options, servers: list[Server], store: Store) -> None:
        self._options = options
        self._servers = servers
        self._store = store
        self._tally = Tally()
        self._draw = random.Random(options.seed)
        self._over = Event()
        self._total: Counter[str] = Counter()
        self._steady: list[Taken] = []

    def run(self) -> list[str]:
        """Run it to its end, say a line per interval, and return what is wrong."""
        clients = self._clients()
        rows_before = self._store.rows()
        for client in clients:
            client.start()
        self._watch()
        self._over.set()
        for client in clients:
            client.join(120.0)
        self._total += self._tally.take()[1]
        hanging = sum(client.is_alive() for client in clients)
        print(f"counts: {dict(sorted(self._total.items()))}")
        print(f"rows: {_grown(rows_before, self._store.rows())}")
        return [*([f"{hanging} clients hang"] if hanging else []), *self._faults()]

    def _clients(self) -> list[Client]:
        urls = [server.url for server in self._servers]
        operator = self._servers[0].command("credentials", "add", "soak", "--operator")
        proofs = Proofs(urls, self._servers[0].worker, operator)
        shared = (self._options.seed, proofs, self._tally, self._over.is_set)
        workers: list[Client] = [Worker(number, *shared) for number in range(self._options.workers)]
        return [*workers, Operator(0, *shared), Trespasser(0, *shared)]

    def _watch(self) -> None:
        began_at = time.monotonic()
        end_at = began_at + self._options.minutes * 60
        strike_at = began_at + self._draw.uniform(*_PAUSE_SECONDS)
        say_at = began_at + self._options.interval_seconds
        while (now := time.monotonic()) < end_at:
            if now >= strike_at:
                self._strike()
                strike_at = time.monotonic() + self._draw.uniform(*_PAUSE_SECONDS)
            if now >= say_at:
                self._say(now - began_at)
                say_at += self._options.interval_seconds
            time.sleep(max(0.0, min(strike_at, say_at, end_at) - time.monotonic()))

    def _strike(self) -> None:
        if len(self._servers) < 2:
            return
        victim = self._draw.choice(self._servers[1:])
        if self._draw.random() < 0.5:
            victim.kill()
            self._tally.count("killed")
        else:
            victim.stop()
            self._tally.count("ended")
        victim.start()

    def _say(self, seconds: float) -> None:
        latencies_ms, counts = self._tally.take()
        self._total += counts + Counter(requests=len(latencies_ms))
        each = [taken(server.process_id) for server in self._servers]
        if each[0] is not None:
            self._steady.append(each[0])
        said = " ".join(f"{one.resident_mib:.0f}MiB/{one.descriptors}fd" if one else "away" for one in each)
        strange = {
            name: count for name, count in counts.items() if name not in (*_EXPECTED, *_EXPECTED_WORDS)
        }
        print(
            f"{seconds / 60:6.1f} min  {len(latencies_ms) / self._options.interval_seconds:6.0f}/s"
            f"  p50 {_at(latencies_ms, 0.5):6.1f}  p99 {_at(latencies_ms, 0.99):7.1f}"
            f"  max {_at(latencies_ms, 1.0):8.1f} ms  servers {said}"
            f"  store {self._store.size_mib():.0f} MiB, {self._store.connections()} connections"
            f"  {strange or ''}",
            flush=True,
        )

    def _faults(self) -> list[str]:
        found = [
            f"{count} times {name}"
            for name, count in self._total.items()
            if name.startswith(("wrong", "fault", "refused")) and name not in _EXPECTED
        ]
        steady = self._steady[int(len(self._steady) * _WARMING_UP) :]
        if len(steady) < 4:
            return [*found, "too short to tell whether something leaks"]
        third = max(1, len(steady) // 3)
        early, late = (
            statistics.median(one.resident_mib for one in part) for part in (steady[:third], steady[-third:])
        )
        if late > early * _MOST_GROWTH + _MOST_GROWTH_MIB:
            found.append(f"the first server grew from {early:.0f} to {late:.0f} MiB")
        few, many = (min(one.descriptors for one in part) for part in (steady[:third], steady[-third:]))
        if many > few + _MOST_NEW_DESCRIPTORS:
            found.append(f"the first server went from {few} to {many} descriptors")
        print(f"the first server: {early:.0f} MiB early, {late:.0f} late; descriptors {few}, {many}")
        return found


def _options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", default="sqlite", help="sqlite, postgresql, or the url of an empty one")
    parser.add_argument("--servers", type=int, default=2, help="the first of them is never killed")
    parser.add_argument("--workers", type=int, default=12)
    parser.add_argument("--interval-seconds", type=float, default=15.0)
    return Options(**vars(parser.parse_args(arguments)))


@contextlib.contextmanager
def _store_url(options: Options, folder: Path) -> Iterator[str]:
    if options.database == "postgresql":
        with running_cluster() as cluster:
            yield cluster.url(cluster.make_database())
    elif options.database == "sqlite":
        yield str(folder / "served" / "state.db")
    else:
        yield options.database


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _grown(before: dict[str, int], after: dict[str, int]) -> dict[str, str]:
    return {name: f"{before.get(name, 0)} -> {rows}" for name, rows in after.items() if rows}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
