"""The supervisor's end of the channel: what passes, what does not, and how much of it at once."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from statekeep._shared.state import messages as m
from statekeep._shared.state.errors import ForbiddenError, InternalFaultError, SupersededError
from statekeep._shared.state.wire import Plain, from_plain, refusal_of, to_plain
from statekeep.channel.client import ChannelClient
from statekeep.channel.errors import SupervisorGoneError
from statekeep.channel.frames import FrameDecoder, encode_frame
from statekeep.supervisor.channel_server import ChannelServer
from statekeep.supervisor.loop import Loop
from statekeep.supervisor.relay import Relay

CLAIMS = to_plain(m.TryClaims(7, 2))
CONTEXT = m.Context(m.TaskAddress("etl", "r", "load"), "the-ti-id", 2)


class HeldStore:
    """A store client that keeps what it is asked until the test answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[Plain, Any, str]] = []
        self.waiting: list[Callable[[Plain], None]] = []
        self.answer: Any = None
        self.fault: Exception | None = None

    def submit(
        self, claims: Plain, request: Plain, request_id: str, *, on_reply: Callable[[Plain], None]
    ) -> None:
        if self.fault is not None:
            raise self.fault
        self.asked.append((claims, from_plain(request), request_id))
        if self.answer is None:
            self.waiting.append(on_reply)
        else:
            on_reply(to_plain(self.answer))

    def ask(self, claims: Plain, request: Plain, request_id: str) -> Plain:
        raise NotImplementedError

    def close(self) -> None:
        pass


class Served:
    """A channel server whose loop runs in a thread."""

    def __init__(self, folder: Path) -> None:
        self.store = HeldStore()
        self.fenced: list[m.Refusal] = []
        self.path = folder / "1"
        self._loop = Loop()
        self._is_over = False
        relay = Relay(
            self._loop, self.store, CONTEXT, CLAIMS, on_fenced=self.fenced.append, on_step=lambda _step: None
        )
        self.server = ChannelServer(self._loop, self.path, relay)
        self._thread = threading.Thread(target=self._loop.run_until, args=(lambda: self._is_over,))
        self._thread.start()

    def in_loop(self, act: Callable[[], None]) -> None:
        """Do something in the loop's thread, and wait until it is done."""
        done = threading.Event()
        self._loop.call_from_thread(act)
        self._loop.call_from_thread(done.set)
        done.wait()

    def close(self) -> None:
        def end() -> None:
            self.server.close()
            self._is_over = True

        self._loop.call_from_thread(end)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def served() -> Iterator[Served]:
    with tempfile.TemporaryDirectory(prefix="sk-", dir="/tmp") as folder:
        served = Served(Path(folder))
        yield served
        served.close()


@pytest.fixture
def client(served: Served) -> ChannelClient:
    return ChannelClient(str(served.path))


def test_a_greeting_is_answered_with_the_context_without_asking_the_store(
    served: Served, client: ChannelClient
) -> None:
    assert client.context() == CONTEXT
    assert served.store.asked == []


def test_a_request_goes_to_the_store_with_the_claims_of_the_try(
    served: Served, client: ChannelClient
) -> None:
    served.store.answer = m.Written(3)
    assert client.call(m.Set("k", b"1", if_absent=True), "the-id") == m.Written(3)
    assert served.store.asked == [(CLAIMS, m.Set("k", b"1", if_absent=True), "the-id")]


@pytest.mark.parametrize(
    "request_",
    [
        m.Start(CONTEXT.task),
        m.Finish(True),
        m.Heartbeat(),
        m.ListTries(),
        m.ListAssets(),
        m.Rewind(1, "k", 1),
        m.Deactivate(m.AssetAddress("a")),
        m.Restore(m.AssetAddress("a")),
    ],
    ids=lambda request: type(request).__name__,
)
def test_a_task_can_neither_start_nor_end_tries_nor_act_as_an_operator(
    served: Served, client: ChannelClient, request_: Any
) -> None:
    with pytest.raises(ForbiddenError):
        client.call(request_)
    assert served.store.asked == []


def test_a_grant_that_is_added_is_known_to_later_connections(served: Served, client: ChannelClient) -> None:
    grant = m.Grant(5, "flights", None, writable=True)
    served.store.answer = grant
    assert client.call(m.AddGrant(m.AssetAddress("flights"), writable=True), "id") == grant
    assert ChannelClient(str(served.path)).context().grants == (grant,)


def test_a_reply_that_says_superseded_is_told_to_the_supervisor(
    served: Served, client: ChannelClient
) -> None:
    refusal = refusal_of(SupersededError(task="t", try_number=2, current_try_number=3))
    served.store.answer = refusal
    with pytest.raises(SupersededError):
        client.call(m.Get("k"))
    served.in_loop(lambda: None)  # the reply is sent first
    assert served.fenced == [refusal]


def test_no_more_than_64_requests_of_a_connection_wait_at_the_store(served: Served) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.connect(str(served.path))
        peer.sendall(b"".join(encode_frame(number, to_plain(m.Get(f"k{number}"))) for number in range(100)))
        _wait_until(lambda: len(served.store.waiting) == 64)
        served.in_loop(lambda: None)
        assert len(served.store.waiting) == 64
        served.store.waiting.pop(0)(to_plain(m.Absent("k0")))
        _wait_until(lambda: len(served.store.asked) == 65)
        while len(served.store.asked) < 100 or served.store.waiting:
            if served.store.waiting:
                served.store.waiting.pop(0)(to_plain(m.Absent("k")))
    assert [request.key for _, request, _ in served.store.asked] == [f"k{number}" for number in range(100)]


def test_a_peer_that_reads_nothing_is_read_from_no_more(served: Served) -> None:
    served.store.answer = m.Entry("k", b"x" * 200_000, 1, 200_000)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.connect(str(served.path))
        peer.sendall(b"".join(encode_frame(number, to_plain(m.Get("k"))) for number in range(200)))
        _wait_until(lambda: len(served.store.asked) >= 64)
        for _ in range(20):
            served.in_loop(lambda: None)
        assert len(served.store.asked) < 100, "each unread reply costs the supervisor 0.2 MB"
        read_bytes = 0
        while read_bytes < 200 * 200_000:
            read_bytes += len(peer.recv(1_000_000))
    assert len(served.store.asked) == 200


def test_a_thousand_greetings_at_once_are_all_answered(served: Served) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.connect(str(served.path))
        threading.Thread(
            target=peer.sendall, args=(b"".join(encode_frame(n, to_plain(m.Hello())) for n in range(1000)),)
        ).start()
        size_bytes = len(encode_frame(0, to_plain(CONTEXT)))
        read_bytes = 0
        while read_bytes < 1000 * size_bytes:
            read_bytes += len(peer.recv(1_000_000))


def test_what_is_no_frame_ends_its_connection_and_no_other(served: Served, client: ChannelClient) -> None:
    client.context()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.connect(str(served.path))
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert peer.recv(1) == b""
    served.store.answer = m.Absent("k")
    assert client.call(m.Get("k")) == m.Absent("k")


@pytest.mark.parametrize("kind", [[], {}, None, 3, True, "kind" * 100])
def test_a_kind_that_is_no_known_text_is_refused_and_the_connection_goes_on(
    served: Served, client: ChannelClient, kind: Any
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.connect(str(served.path))
        reply = _exchanged(peer, {"kind": kind})
        assert reply["code"] == ("forbidden" if isinstance(kind, str) else "invalid_request")
        assert _exchanged(peer, to_plain(m.Hello())) == to_plain(CONTEXT)
    assert client.context() == CONTEXT


@pytest.mark.parametrize("request_id", [1, [], {"a": 1}, "x" * 65, "é", "a\nb"])
def test_a_request_id_that_is_no_short_printable_text_is_refused(served: Served, request_id: Any) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.connect(str(served.path))
        reply = _exchanged(peer, to_plain(m.Set("k", b"1")), request_id)
        assert reply["code"] == "invalid_request"
        assert "1" not in str(reply["facts"]).replace("64", "")
        assert _exchanged(peer, to_plain(m.Hello())) == to_plain(CONTEXT)
    assert served.store.asked == []


def test_a_fault_met_by_one_request_is_its_answer_and_nobody_elses(
    served: Served, client: ChannelClient
) -> None:
    served.store.fault = ZeroDivisionError("in the store's client")
    with pytest.raises(InternalFaultError, match="ZeroDivisionError"):
        client.call(m.Get("k"))
    served.store.fault = None
    served.store.answer = m.Absent("k")
    assert client.call(m.Get("k")) == m.Absent("k")


def test_a_reply_that_cannot_be_sent_ends_its_connection_and_no_other(
    served: Served, client: ChannelClient
) -> None:
    client.context()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.connect(str(served.path))
        peer.sendall(encode_frame(1, to_plain(m.Get("k"))))
        _wait_until(lambda: bool(served.store.waiting))
        served.store.waiting.pop()({"kind": "Entry", "value": object()})
        assert peer.recv(1) == b""
    served.store.answer = m.Absent("k")
    assert client.call(m.Get("k")) == m.Absent("k")


def test_pages_that_nobody_reads_are_asked_for_a_few_at_a_time(served: Served) -> None:
    page = m.Entries((m.Entry("k", b"x" * 1024 * 1024, 1, 1024 * 1024),), None)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.connect(str(served.path))
        peer.sendall(b"".join(encode_frame(number, to_plain(m.ListEntries())) for number in range(100)))
        _wait_until(lambda: len(served.store.waiting) == 4)
        served.in_loop(lambda: None)
        assert len(served.store.waiting) == 4
        while served.store.waiting:
            served.store.waiting.pop(0)(to_plain(page))
            served.in_loop(lambda: None)
        assert len(served.store.asked) < 10, "each unread page costs the supervisor 1 MiB"
        served.store.answer = page
        read_bytes = 0
        while read_bytes < 100 * 1024 * 1024:
            read_bytes += len(peer.recv(1_000_000))
    assert len(served.store.asked) == 100


def test_a_server_out_of_descriptors_pauses_before_it_accepts_again(
    served: Served, client: ChannelClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = 0
    accept = served.server._accept

    def counted(events: int) -> None:
        nonlocal attempts
        attempts += 1
        accept(events)

    monkeypatch.setattr(served.server, "_accept", counted)
    served.in_loop(served.server._listen)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as opened:
        peer = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        with contextlib.suppress(OSError):
            while True:
                opened.enter_context(Path(os.devnull).open())
        peer.connect(str(served.path))
        for _ in range(200):
            served.in_loop(lambda: None)
        assert 0 < attempts < 100
        opened.pop_all().close()
    assert client.context() == CONTEXT


def test_a_peer_that_went_away_leaves_its_answers_to_nobody(served: Served) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.connect(str(served.path))
        peer.sendall(encode_frame(1, to_plain(m.Get("k"))))
        _wait_until(lambda: bool(served.store.waiting))
    served.store.waiting.pop()(to_plain(m.Absent("k")))
    served.in_loop(lambda: None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_not_served_even_where_the_folder_is_open(served: Served) -> None:
    served.path.parent.chmod(0o755)
    served.path.chmod(0o777)
    child = os.fork()
    if child == 0:  # /usr/bin/python is not everywhere, and this one may not be for every user to execute
        os.setuid(65534)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            peer.connect(str(served.path))
            os._exit(0 if peer.recv(1) == b"" else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_nobody_is_served_after_the_end(served: Served, client: ChannelClient) -> None:
    client.context()
    served.in_loop(served.server.close)
    with pytest.raises(SupervisorGoneError):
        client.call(m.Get("k"))


def _wait_until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.001)


def _exchanged(peer: socket.socket, message: Plain, request_id: Any = None) -> Plain:
    peer.sendall(encode_frame(7, message, request_id))
    decoder = FrameDecoder()
    while (frame := decoder.take()) is None:
        decoder.feed(peer.recv(1_000_000))
    return frame.message
