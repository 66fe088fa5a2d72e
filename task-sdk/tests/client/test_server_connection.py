"""One connection: kept open while it serves, given up when it breaks, and made anew at the next server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from statekeep.client.server_connection import NoAnswerError, ServerConnection

ANSWER = b"HTTP/1.1 200 OK\r\nX-Thing: a\r\nContent-Length: 2\r\n\r\nok"


class ScriptedServer:
    """Answers each request with the next of its answers; None closes the connection instead."""

    def __init__(self, *answers: bytes | None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._answers = list(answers)
        self._peer: socket.socket | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def drop(self) -> None:
        """End the connection that is open."""
        assert self._peer is not None
        self._peer.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._peer is not None:
            with suppress(OSError):  # it has ended already
                self.drop()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while self._answers:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self._peer = peer
            with peer:
                self.connections += 1
                while self._answers and (request := self._request(peer)):
                    self.requests.append(request)
                    answer = self._answers.pop(0)
                    if answer is None:
                        break
                    peer.sendall(answer)
                    if b"Connection: close" in answer:
                        break

    def _request(self, peer: socket.socket) -> bytes:
        received = bytearray()
        while not received.endswith(b"body"):
            part = peer.recv(65536)
            if not part:
                return b""
            received += part
        return bytes(received)


@pytest.fixture
def servers() -> Iterator[list[ScriptedServer]]:
    made: list[ScriptedServer] = []
    yield made
    for server in made:
        server.close()


def scripted(servers: list[ScriptedServer], *answers: bytes | None) -> ScriptedServer:
    servers.append(ScriptedServer(*answers))
    return servers[-1]


def test_requests_share_a_connection_and_carry_what_they_are_given(servers: list[ScriptedServer]) -> None:
    server = scripted(servers, ANSWER, ANSWER, ANSWER)
    connection = ServerConnection([f"{server.url}/under/here"], 5)
    for _ in range(2):
        answer = connection.exchange("/get", {"Authorization": "Bearer x"}, b"body")
        assert (answer.status, answer.body, answer.headers["x-thing"]) == (200, b"ok", "a")
    connection.close()
    assert server.connections == 1
    assert server.requests[0].startswith(b"POST /under/here/get HTTP/1.1\r\n")
    assert b"Authorization: Bearer x\r\n" in server.requests[0]


def test_a_connection_that_the_server_ended_while_it_was_idle_is_made_anew(
    servers: list[ScriptedServer],
) -> None:
    server = scripted(servers, ANSWER, ANSWER, ANSWER)
    connection = ServerConnection([server.url], 5)
    connection.exchange("/get", {}, b"body")
    server.drop()
    assert connection.exchange("/get", {}, b"body").status == 200
    connection.close()
    assert server.connections == 2


def test_a_connection_that_the_server_will_end_is_not_used_again(servers: list[ScriptedServer]) -> None:
    last = ANSWER.replace(b"X-Thing: a", b"Connection: close")
    server = scripted(servers, last, last, ANSWER)
    connection = ServerConnection([server.url], 5)
    for _ in range(2):
        assert connection.exchange("/get", {}, b"body").body == b"ok"
    connection.close()
    assert server.connections == 2


def test_a_body_that_is_too_large_for_one_sending_arrives_whole(servers: list[ScriptedServer]) -> None:
    server = scripted(servers, ANSWER, ANSWER)
    connection = ServerConnection([server.url], 5)
    body = b"x" * 3_000_000 + b"body"
    assert connection.exchange("/set", {}, body).status == 200
    connection.close()
    assert server.requests[0].endswith(b"\r\n\r\n" + body)
    assert f"Content-Length: {len(body)}\r\n".encode() in server.requests[0]


@pytest.mark.parametrize("text", ["a\r\nEvil: yes", "a\x00", "\u2026"])
def test_what_no_header_may_hold_is_refused_before_anything_is_sent(
    servers: list[ScriptedServer], text: str
) -> None:
    server = scripted(servers, ANSWER, ANSWER)
    connection = ServerConnection([server.url], 5)
    with pytest.raises(ValueError, match="none may"):
        connection.exchange("/get", {"Authorization": text}, b"body")
    assert connection.exchange("/get", {}, b"body").status == 200
    connection.close()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer", [None, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nok"]
)
def test_a_request_without_a_whole_answer_may_have_arrived(
    servers: list[ScriptedServer], answer: bytes | None
) -> None:
    server = scripted(servers, answer, ANSWER)
    connection = ServerConnection([server.url], 5)
    with pytest.raises(NoAnswerError) as broken:
        connection.exchange("/get", {}, b"body")
    assert broken.value.may_have_arrived
    assert connection.exchange("/get", {}, b"body").status == 200
    connection.close()


def test_a_server_that_is_not_there_cannot_have_got_it_and_the_next_is_asked(
    servers: list[ScriptedServer],
) -> None:
    server = scripted(servers, ANSWER, ANSWER)
    connection = ServerConnection(["http://127.0.0.1:1", server.url], 5)
    if connection.url == server.url:
        connection.go_on()
    with pytest.raises(NoAnswerError, match=r"127\.0\.0\.1:1: .*refused") as away:
        connection.exchange("/get", {}, b"body")
    assert not away.value.may_have_arrived
    assert connection.exchange("/get", {}, b"body").status == 200
    connection.close()


def test_a_server_that_does_not_answer_in_time_may_have_got_it(servers: list[ScriptedServer]) -> None:
    server = scripted(servers, b"", ANSWER)
    connection = ServerConnection([server.url], 0.05)
    with pytest.raises(NoAnswerError, match="timed out") as slow:
        connection.exchange("/get", {}, b"body")
    assert slow.value.may_have_arrived
    connection.close()


def test_a_server_that_sends_a_byte_now_and_then_is_not_waited_for_longer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            peer, _ = listener.accept()
            with peer, suppress(OSError):  # the client ends it, long before the answer is whole
                peer.recv(65536)
                for at in range(len(ANSWER)):
                    threading.Event().wait(0.05)
                    peer.sendall(ANSWER[at : at + 1])

        server = threading.Thread(target=drip)
        server.start()
        connection = ServerConnection([f"http://127.0.0.1:{listener.getsockname()[1]}"], 0.2)
        with pytest.raises(NoAnswerError, match=r"whole|timed out") as slow:
            connection.exchange("/get", {}, b"body")
        assert slow.value.may_have_arrived
        server.join()


def test_the_time_of_a_slow_answer_is_not_taken_from_the_next(servers: list[ScriptedServer]) -> None:
    large = b"x" * 3_000_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(large)
    server = scripted(servers, head + large, ANSWER)
    connection = ServerConnection([server.url], 5)
    assert connection.exchange("/get", {}, b"body").body == large
    assert connection._connection is not None
    assert connection._connection._socket.gettimeout() == 5
    assert connection.exchange("/get", {}, b"body").status == 200
    connection.close()
