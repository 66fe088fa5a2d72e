"""The task process's side of the channel, blocking: threads, forks, signals, and a connection that breaks."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from peer import CONTEXT, Peer, PeerConnection, echo_key, hang_up
from statekeep._shared.state import messages, wire
from statekeep._shared.state.errors import ConflictError
from statekeep.channel.client import ChannelClient
from statekeep.channel.errors import FrameTooLargeError, SupervisorGoneError, TruncatedFrameError
from statekeep.channel.frames import MAX_FRAME_BYTES, Frame, encode_frame

StartPeer = Callable[..., Peer]


def get(client: ChannelClient, key: str) -> bytes:
    entry = client.call(messages.Get(key))
    assert isinstance(entry, messages.Entry)
    return entry.value


def acall(client: ChannelClient, request: object, request_id: str) -> object:
    return asyncio.run(client.acall(request, request_id))


def test_the_context_comes_with_the_first_connection(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    client = ChannelClient(peer.address)
    assert client.context() == CONTEXT
    assert client.context() == CONTEXT
    get(client, "a")
    assert len(peer.connections) == 1


def test_a_refusal_is_raised_as_this_copys_own_class(start_peer: StartPeer) -> None:
    def answer(connection: PeerConnection, frame: Frame) -> None:
        connection.reply(frame, wire.refusal_of(ConflictError(key="k", version=4, wanted=3)))

    with pytest.raises(ConflictError) as raised:
        ChannelClient(start_peer(answer).address).call(messages.Get("k"))
    assert raised.value.facts == {"key": "k", "version": 4, "wanted": 3}


def test_an_unknown_field_of_a_newer_supervisors_reply_is_ignored(start_peer: StartPeer) -> None:
    def answer(connection: PeerConnection, frame: Frame) -> None:
        plain = {**wire.to_plain(messages.Absent("k")), "since": 5}
        connection.send(encode_frame(frame.number, plain))

    assert ChannelClient(start_peer(answer).address).call(messages.Get("k")) == messages.Absent("k")


def test_threads_at_once_each_get_their_own_replies(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    client = ChannelClient(peer.address)

    def work(number: int) -> bool:
        keys = [f"{number}-{step}" for step in range(50)]
        return all(get(client, key) == f'"{key}"'.encode() for key in keys)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(16)))
    assert len(peer.connections) <= 8


def test_a_thread_that_ends_leaves_its_connection_to_the_next(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    client = ChannelClient(peer.address)
    for _ in range(3):
        thread = threading.Thread(target=get, args=(client, "a"))
        thread.start()
        thread.join()
    assert len(peer.connections) == 1


def test_a_signal_handler_may_call_while_a_call_is_in_flight(start_peer: StartPeer) -> None:
    def answer(connection: PeerConnection, frame: Frame) -> None:
        if frame.message["key"] == "interrupted":
            os.kill(os.getpid(), signal.SIGUSR1)
            assert handled.wait(20)
        echo_key(connection, frame)

    def handle(number: int, where: object) -> None:
        seen.append(get(client, "from the handler"))
        handled.set()

    seen: list[bytes] = []
    handled = threading.Event()
    client = ChannelClient(start_peer(answer).address)
    previous = signal.signal(signal.SIGUSR1, handle)
    try:
        assert get(client, "interrupted") == b'"interrupted"'
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert seen == [b'"from the handler"']
    assert get(client, "later") == b'"later"'


def test_a_broken_connection_is_replaced_and_the_request_repeated_under_its_id(start_peer: StartPeer) -> None:
    def answer(connection: PeerConnection, frame: Frame) -> None:
        if len(peer.frames) == 1:
            connection.close()
        else:
            echo_key(connection, frame)

    peer = start_peer(answer)
    write = messages.Set("k", b"123", if_absent=True)
    assert ChannelClient(peer.address).call(write, "ab" * 16) == messages.Written(3)
    assert [frame.request_id for frame in peer.frames] == ["ab" * 16, "ab" * 16]
    assert peer.frames[0].message == peer.frames[1].message


@pytest.mark.parametrize("call", [ChannelClient.call, acall], ids=["blocking", "async"])
@pytest.mark.parametrize("lost_connections", [0, 1])
def test_a_refusal_after_a_lost_connection_is_not_the_first_answer(
    start_peer: StartPeer, call: Callable[..., object], lost_connections: int
) -> None:
    lost: list[Frame] = []

    def answer(connection: PeerConnection, frame: Frame) -> None:
        if len(lost) < lost_connections:
            lost.append(frame)
            connection.close()
        else:
            connection.reply(frame, wire.refusal_of(ConflictError(key="k", version=4, wanted=3)))

    with pytest.raises(ConflictError) as raised:
        call(ChannelClient(start_peer(answer).address), messages.Set("k", b"1", if_version=3), "an id")
    assert raised.value.is_first_answer is (lost_connections == 0)


def test_a_request_is_repeated_once_only(start_peer: StartPeer) -> None:
    peer = start_peer(hang_up)
    with pytest.raises(SupervisorGoneError):
        ChannelClient(peer.address).call(messages.Get("k"))
    assert len(peer.frames) == 2


def test_a_supervisor_that_dies_in_a_request_leaves_its_outcome_unknown(start_peer: StartPeer) -> None:
    peer: Peer = start_peer(lambda connection, frame: peer.stop())
    with pytest.raises(SupervisorGoneError, match="took effect is not known"):
        ChannelClient(peer.address).call(messages.Set("k", b"1"))


def test_a_supervisor_that_is_gone_before_the_request_received_nothing(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    client = ChannelClient(peer.address)
    peer.stop()
    with pytest.raises(SupervisorGoneError, match="nothing was sent"):
        client.call(messages.Set("k", b"1"))


def test_a_truncated_reply_of_a_supervisor_that_died_is_said_to_be_one(start_peer: StartPeer) -> None:
    def answer(connection: PeerConnection, frame: Frame) -> None:
        connection.send(encode_frame(frame.number, wire.to_plain(messages.Absent("k")))[:20])
        peer.stop()

    peer = start_peer(answer)
    with pytest.raises(TruncatedFrameError):
        ChannelClient(peer.address).call(messages.Get("k"))


def test_a_frame_over_the_limit_costs_no_connection(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    client = ChannelClient(peer.address)
    with pytest.raises(FrameTooLargeError):
        client.call(messages.Set("k", bytes(MAX_FRAME_BYTES)))
    assert get(client, "a") == b'"a"'
    assert len(peer.connections) == 1


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # only the peer's threads
def test_a_forked_child_connects_anew_and_its_parent_goes_on(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    client = ChannelClient(peer.address)
    get(client, "before")
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if get(client, "in the child") == b'"in the child"' else 1)
        finally:
            os._exit(2)
    assert get(client, "in the parent") == b'"in the parent"'
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert get(client, "after") == b'"after"'
    over_connections = [
        {frame.message["key"] for frame in connection.frames[1:]} for connection in peer.connections
    ]
    assert over_connections == [{"before", "in the parent", "after"}, {"in the child"}]


def test_a_task_that_closes_every_descriptor_is_connected_anew(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    client = ChannelClient(peer.address)
    get(client, "before")
    number = client._idle[0]._socket.fileno()
    os.close(number)
    assert get(client, "after") == b'"after"'
    assert len(peer.connections) == 2


def test_a_descriptor_that_is_somebody_elses_by_now_is_neither_written_nor_closed(
    start_peer: StartPeer,
) -> None:
    client = ChannelClient(start_peer(echo_key).address)
    get(client, "before")
    number = client._idle[0]._socket.fileno()
    taken, other_end = socket.socketpair()
    with taken, other_end:
        os.dup2(taken.fileno(), number)
        assert get(client, "after") == b'"after"'
        os.write(number, b"still open")
        assert other_end.recv(100) == b"still open"
        os.close(number)
