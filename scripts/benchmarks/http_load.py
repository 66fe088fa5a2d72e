"""Loads a server over a number of connections, each with one request in flight, from a process of its own.

Called as `http_load.py PORT REQUESTS CONNECTIONS SECONDS`, where a line of the file REQUESTS is method, path,
token and body, with tabs between them; prints its figures as wrk_load.lua does.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

if TYPE_CHECKING:
    from collections.abc import Iterator

_END_OF_HEAD = b"\r\n\r\n"


class Client(asyncio.Protocol):
    """Sends the next request when the one before is answered, until it is told to stop."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self._requests = requests
        self.latencies: list[float] = []
        self.refused = 0
        self.is_stopped = False
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.WriteTransport = transport  # type: ignore[assignment]  # of a TCP connection
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(_END_OF_HEAD)
        if not separator or len(body) < _length(head):
            return
        self.latencies.append(time.perf_counter() - self._sent_at)
        self.refused += not head.startswith(b"HTTP/1.1 2")
        self._received = b""
        if not self.is_stopped:
            self._send()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self.transport.write(next(self._requests))


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.split(b"\r\n")[0]) if found else 0


async def _load(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    clients = [Client(requests) for _ in range(connections)]
    started = time.perf_counter()
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]  # bound
    await asyncio.sleep(seconds)
    for client in clients:
        client.is_stopped = True
    took = time.perf_counter() - started
    latencies = sorted(latency for client in clients for latency in client.latencies)
    return {
        "requests": len(latencies),
        "seconds": took,
        "p50_ms": statistics.median(latencies) * 1000,
        "p99_ms": latencies[int(len(latencies) * 0.99)] * 1000,
        "refused": sum(client.refused for client in clients),
        "broken": 0,
    }


def _request(line: str) -> bytes:
    method, path, token, body = line.split("\t")
    return (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


if __name__ == "__main__":
    port, requests, connections, seconds = sys.argv[1:]
    prepared = itertools.cycle(list(map(_request, Path(requests).read_text().splitlines())))
    print("FIGURES", json.dumps(uvloop.run(_load(int(port), prepared, int(connections), float(seconds)))))
