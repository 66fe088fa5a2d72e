"""Clients that send too slowly, too much, or read nothing: the server lets go of them, and serves others."""

from __future__ import annotations

import contextlib
import http.client
import json
import selectors
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from server_process import ServerProcess, server_process

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks at the server through /proc"),
]

_LIMIT_SECONDS = 60.0
_CONNECTIONS = 300
_TASK = {"kind": "TaskAddress", "dag_id": "slow", "run_id": "r", "task_id": "clients"}
_ROUNDS = 10
_VALUE_BYTES = 60_000
_READS = 200  # which answer with 12 MB


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that waits for nothing for long."""
    with server_process(
        tmp_path_factory.mktemp("impatient"),
        head_seconds="0.5",
        body_seconds="0.5",
        unread_seconds="0.5",
        max_connections=str(_CONNECTIONS),
        max_held_bytes=str(64 * 1024 * 1024),
    ) as server:
        yield server


class Horde:
    """Connections that have each sent the same, and wait for the server to let go of them."""

    def __init__(self, server: ServerProcess, count: int, sent: bytes) -> None:
        self._connections = [_connected(server) for _ in range(count)]
        for connection in self._connections:
            with contextlib.suppress(OSError):  # refused, or cut off already: which is what is wanted
                connection.sendall(sent)

    def wait(self, dripping: bytes = b"") -> None:
        """Return when the server has closed all of them; each sends a little more meanwhile, if told to."""
        give_up_at = time.monotonic() + _LIMIT_SECONDS
        with selectors.DefaultSelector() as selector:
            for connection in self._connections:
                selector.register(connection, selectors.EVENT_READ)
            while selector.get_map():
                assert time.monotonic() < give_up_at, f"{len(selector.get_map())} connections are still open"
                for key, _ in selector.select(0.05):
                    if _has_ended(key.fileobj):
                        selector.unregister(key.fileobj)
                for key in [*selector.get_map().values()] if dripping else ():
                    with contextlib.suppress(OSError):  # the next look sees that it is closed
                        key.fileobj.send(dripping)  # type: ignore[union-attr]  # a socket was registered

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def _connected(server: ServerProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=_LIMIT_SECONDS)


def _has_ended(connection: Any) -> bool:
    try:
        return not connection.recv(65_536)
    except OSError:
        return True


def ask(server: ServerProcess, operation: str, body: object, proof: str = "") -> Any:
    """Ask over a new connection, and return what is answered."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_LIMIT_SECONDS)
    with contextlib.closing(connection):
        headers = {"Authorization": f"Bearer {proof or server.worker}"}
        connection.request("POST", f"/execution/v1/{operation}", json.dumps(body), headers)
        response = connection.getresponse()
        answered = json.load(response)
        assert response.status == 200, answered
        return answered


def descriptors(server: ServerProcess) -> int:
    return len(list(Path(f"/proc/{server.process_id}/fd").iterdir()))


def resident_bytes(server: ServerProcess) -> int:
    [line] = [
        line
        for line in Path(f"/proc/{server.process_id}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    ]
    return int(line.split()[1]) * 1024


def until(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + _LIMIT_SECONDS
    while not is_so():
        assert time.monotonic() < give_up_at, "it never came"
        time.sleep(0.02)


def _head(server: ServerProcess, *lines: str) -> bytes:
    head = ("POST /execution/v1/store HTTP/1.1", "Host: x", f"Authorization: Bearer {server.worker}", *lines)
    return "\r\n".join(head).encode()


_ENDED = b"\r\n\r\n"
_ATTACKS: dict[str, Callable[[ServerProcess], tuple[bytes, bytes]]] = {
    "nothing is sent": lambda _: (b"", b""),
    "half a head": lambda server: (_head(server), b""),
    "a head byte by byte": lambda server: (_head(server, "X: "), b"x"),
    "no body": lambda server: (_head(server, "Content-Length: 2") + _ENDED, b""),
    "a body byte by byte": lambda server: (_head(server, "Content-Length: 99999") + _ENDED, b"x"),
    "chunks byte by byte": lambda server: (
        _head(server, "Transfer-Encoding: chunked") + _ENDED,
        b"1\r\nx\r\n",
    ),
    "a gigabyte declared": lambda server: (_head(server, "Content-Length: 1073741824") + _ENDED, b"x" * 999),
    "a promise to go on": lambda server: (
        _head(server, "Expect: 100-continue", "Content-Length: 2") + _ENDED,
        b"",
    ),
    "no credential, and a body": lambda _: (
        b"POST /execution/v1/get HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
        b"x",
    ),
    "a head of megabytes": lambda server: (_head(server, "X: " + "x" * 2_000_000), b""),
    "TLS": lambda _: (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 99, b""),
}


@pytest.mark.parametrize("attack", _ATTACKS)
def test_the_server_lets_go_of_those_who_keep_it_waiting_and_answers_the_others(
    impatient: ServerProcess, attack: str
) -> None:
    before = descriptors(impatient)
    sent, dripping = _ATTACKS[attack](impatient)
    horde = Horde(impatient, 50, sent)
    try:
        ask(impatient, "store", {})
        horde.wait(dripping)
    finally:
        horde.close()
    until(lambda: descriptors(impatient) <= before + 1)


def test_past_its_connections_it_refuses_new_ones_until_the_others_are_gone(impatient: ServerProcess) -> None:
    horde = Horde(impatient, 3 * _CONNECTIONS, b"")
    try:
        horde.wait()
    finally:
        horde.close()
    ask(impatient, "store", {})


def test_answers_that_nobody_reads_are_not_kept(impatient: ServerProcess) -> None:
    token = ask(impatient, "start", {"task": _TASK, "rerun": True})["token"]
    ask(impatient, "set", {"key": "k", "value": "x" * _VALUE_BYTES}, token)
    get = {"kind": "Get", "key": "k"}
    body = json.dumps({"operations": [get] * _READS}).encode()
    head = _head(impatient, f"Content-Length: {len(body)}").replace(b"/store", b"/batch") + _ENDED
    before, resident_before = descriptors(impatient), resident_bytes(impatient)
    for _ in range(_ROUNDS):
        unread = Horde(impatient, 5, head.replace(impatient.worker.encode(), token.encode()) + body)
        ask(impatient, "get", {"key": "k"}, token)
        until(lambda: descriptors(impatient) <= before + 1)
        unread.close()
    assert resident_bytes(impatient) - resident_before < _ROUNDS * 5 * _READS * _VALUE_BYTES / 2
    ask(impatient, "finish", {"succeeded": True}, token)
