"""Whatever comes over one connection of the channel ends that one at most: others are answered as before."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from embedded_try import TASK, EmbeddedStore
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from statekeep._shared.state import messages as m
from statekeep._shared.state.errors import StatekeepError
from statekeep._shared.state.wire import Plain, to_plain
from statekeep.channel.client import ChannelClient
from statekeep.channel.frames import FrameDecoder, encode_frame
from statekeep.supervisor.channel_server import ChannelServer
from statekeep.supervisor.loop import Loop
from statekeep.supervisor.relay import Relay

KINDS = [name for name, cls in vars(m).items() if isinstance(cls, type) and hasattr(cls, "_fields")]
FIELDS = [
    "key",
    "value",
    "target",
    "by",
    "operations",
    "retention",
    "if_version",
    "limit",
    "after",
    "external",
]


class Supervised:
    """The supervisor's end of the channel before a real store, and a try that asks over it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "1"
        self.store = EmbeddedStore(folder / "state.db")
        started = self.store.start(lease_seconds=86_400)
        self._claims = to_plain(m.TryClaims(started.instance_id, started.try_number))
        self._loop = Loop()
        self._is_over = False
        context = m.Context(TASK, started.ti_id, started.try_number, started.grants)
        relay = Relay(
            *(self._loop, self, context, self._claims), on_fenced=lambda _: None, on_step=lambda _: None
        )
        self._server = ChannelServer(self._loop, self.path, relay)
        self._thread = threading.Thread(target=self._loop.run_until, args=(lambda: self._is_over,))
        self._thread.start()
        self.client = ChannelClient(str(self.path))
        self.client.call(m.Set("mine", b"1"))

    def submit(
        self, claims: Plain, request: Plain, request_id: str, *, on_reply: Callable[[Plain], None]
    ) -> None:
        on_reply(self.ask(claims, request, request_id))

    def ask(self, _claims: Plain, request: Plain, request_id: str) -> Plain:
        return self.store._store.handle_group([(self._claims, request_id, request)])[0]

    def check(self) -> None:
        """Find that a task that does nothing odd is answered, and that its try is as it was."""
        assert self.client.call(m.Get("mine")).key == "mine"
        [row] = self.store.as_operator(m.ListTries()).tries
        assert row.status == "running"

    def close(self) -> None:
        def end() -> None:
            self._server.close()
            self._is_over = True

        self._loop.call_from_thread(end)
        self._thread.join()
        self._loop.close()
        self.store.close()


@pytest.fixture(scope="module")
def supervised() -> Iterator[Supervised]:
    with tempfile.TemporaryDirectory(prefix="sk-", dir="/tmp") as folder:
        supervised = Supervised(Path(folder))
        yield supervised
        supervised.close()


json_ = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
odd_messages = st.dictionaries(st.sampled_from(FIELDS) | st.text(), json_, max_size=5)
messages = st.builds(
    lambda message, kind: message | kind,
    odd_messages,
    st.just({}) | st.fixed_dictionaries({"kind": st.sampled_from(KINDS) | json_}),
)


def framed(number: int, message: Plain) -> bytes:
    try:
        return encode_frame(number, message)
    except (StatekeepError, ValueError, TypeError):  # what this end refuses to send goes as it would look
        header = json.dumps(message, default=repr).encode()
        return struct.pack(">IQI", 12 + len(header), number, len(header)) + header


good = st.builds(lambda n: encode_frame(n, to_plain(m.Get("k"))), st.integers(0, 2**64 - 1))
odd = st.builds(framed, st.integers(0, 2**64 - 1), messages)
lengths = st.builds(
    lambda rest, number, header, tail: struct.pack(">IQI", rest, number, header) + tail,
    *(
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**64 - 1),
        st.integers(0, 2**32 - 1),
        st.binary(max_size=50),
    ),
)
broken = st.builds(
    lambda frame, place, change: (
        frame[: place % len(frame)]
        + bytes([frame[place % len(frame)] ^ change])
        + frame[place % len(frame) + 1 :]
    ),
    *(good | odd, st.integers(0, 10_000), st.integers(1, 255)),
)
streams = st.lists(good | odd | broken | lengths | st.binary(max_size=60), max_size=6).map(b"".join)

# Each example waits for several connections to end.
shared = settings(
    max_examples=settings.default.max_examples // 2 if settings.default else 50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@shared
@given(st.lists(streams, min_size=1, max_size=4), st.randoms(use_true_random=False))
@example([struct.pack(">I", 2**32 - 1)], None)
@example([struct.pack(">IQI", 12, 1, 0)], None)
@example([struct.pack(">IQI", 12 + 200_000, 1, 200_000) + b"[" * 200_000], None)
@example([encode_frame(1, {"kind": "Get", "key": "k"})[:-1]] * 4, None)
@example([framed(1, {"kind": "Batch", "operations": [{"kind": "Get", "key": "k"}] * 5_000})], None)
def test_streams_of_anything_end_their_own_connection_at_most(
    supervised: Supervised, sent: list[bytes], draw: Any
) -> None:
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in sent]
        for peer in peers:
            peer.connect(str(supervised.path))
        # A piece of one, then of another: what each has sent so far is nothing to the others.
        pieces = [(peer, piece) for peer, stream in zip(peers, sent, strict=True) for piece in _cut(stream)]
        if draw is not None:
            order = sorted(range(len(peers)), key=lambda _: draw.random())
            pieces.sort(key=lambda sent_to: (sent_to[1][0], order[peers.index(sent_to[0])]))
        for peer, (_, piece) in pieces:
            with contextlib.suppress(OSError):  # the supervisor has ended it
                peer.sendall(piece)
        for peer in peers:
            _check_replies(peer)
    supervised.check()


def _cut(stream: bytes) -> list[tuple[int, bytes]]:
    return [(at, stream[at : at + 40_000]) for at in range(0, len(stream), 40_000)]


def _check_replies(peer: socket.socket) -> None:
    """Read all that is answered, to the end, which the supervisor makes when there is no more to read."""
    with contextlib.suppress(OSError):
        peer.shutdown(socket.SHUT_WR)
    decoder = FrameDecoder()
    while received := _received(peer):
        decoder.feed(received)
        while (frame := decoder.take()) is not None:
            assert frame.message.get("code") != "internal_fault", frame.message


def _received(peer: socket.socket) -> bytes:
    try:
        return peer.recv(1 << 16)
    except ConnectionResetError:  # closed with something unread
        return b""
