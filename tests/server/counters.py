"""Clients of several servers that count, each in a try of its own: nothing is lost, nothing done twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from server_process import ServerProcess
from statekeep._shared.state import messages as m
from statekeep.client.http import HttpClient
from statekeep.client.store_client import call

WORKER = m.WorkerClaims("tests")
CLIENTS = 4


class Counters:
    """Clients of several servers that each count in a try of their own, one after the other."""

    def __init__(self, *servers: ServerProcess) -> None:
        self.are_under_way = threading.Semaphore(0)
        self._clients = [
            HttpClient(
                [server.url for server in servers],
                servers[0].worker,
                patience_seconds=60.0,
                answer_seconds=10.0,
                say=lambda _message: None,
            )
            for _ in range(CLIENTS)
        ]

    def count(self, times: int, every: int) -> list[int]:
        """Count in every client, and say so before each ``every``; return what stands at the end."""
        with ThreadPoolExecutor(CLIENTS) as threads:
            counted = threads.map(lambda place: self._count(place, times, every), range(CLIENTS))
            return list(counted)

    def _count(self, place: int, times: int, every: int) -> int:
        client = self._clients[place]
        started: m.Started = call(client, WORKER, m.Start(m.TaskAddress("two", "r", f"count-{place}")))
        claims = m.TryClaims(started.instance_id, started.try_number)
        for number in range(times):
            if number % every == 0:
                self.are_under_way.release()
            call(client, claims, m.Increment("n", b"1"))
            call(client, claims, m.Set(f"{number % 10}", b"%d" % number))
        return int(call(client, claims, m.Get("n")).value)

    def close(self) -> None:
        for client in self._clients:
            client.close()
