"""Loads a server over a number of connections, each with one request in flight, from a process of its own.

Called as `http_load.py PORT PATH CONNECTIONS SECONDS`, with the token on the first line of standard input
and the body on the second, in which `%d` stands for the connection's number; prints its figures as JSON.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time

import uvloop

_END_OF_HEAD = b"\r\n\r\n"


class Client(asyncio.Protocol):
    """Sends its request again as soon as it is answered, until it is told to stop."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.latencies: list[float] = []
        self.failures = 0
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
        self.failures += not head.startswith(b"HTTP/1.1 200")
        self._received = b""
        if not self.is_stopped:
            self._send()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self.transport.write(self.request)


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])


async def _load(port: int, path: str, connections: int, seconds: float) -> dict[str, float]:
    token, body = sys.stdin.read().splitlines()
    loop = asyncio.get_running_loop()
    clients = [
        Client(_request(path, token, body.replace("%d", str(number)))) for number in range(connections)
    ]
    started = time.perf_counter()
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]  # bound
    await asyncio.sleep(seconds)
    for client in clients:
        client.is_stopped = True
    took = time.perf_counter() - started
    latencies = sorted(latency for client in clients for latency in client.latencies)
    return {
        "per_second": len(latencies) / took,
        "p50_ms": statistics.median(latencies) * 1000,
        "p99_ms": latencies[int(len(latencies) * 0.99)] * 1000,
        "failures": sum(client.failures for client in clients),
    }


def _request(path: str, token: str, body: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


if __name__ == "__main__":
    port, path, connections, seconds = sys.argv[1:]
    print(json.dumps(uvloop.run(_load(int(port), path, int(connections), float(seconds)))))
