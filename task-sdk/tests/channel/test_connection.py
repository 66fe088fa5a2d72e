"""One blocking connection: what it learns, what it survives, and what makes it unusable."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from peer import CONTEXT, Peer, PeerConnection, echo_key, hang_up
from statekeep._shared.state import messages, wire
from statekeep._shared.state.errors import InvalidRequestError
from statekeep.channel.connection import Connection
from statekeep.channel.errors import FrameTooLargeError, SupervisorGoneError, TruncatedFrameError
from statekeep.channel.frames import MAX_FRAME_BYTES, Frame, encode_frame

StartPeer = Callable[..., Peer]


def get(key: str) -> dict[str, Any]:
    return wire.to_plain(messages.Get(key))


def value_of(reply: dict[str, Any]) -> object:
    return reply["value"]


def test_it_greets_first_and_learns_the_context(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    connection = Connection(peer.address)
    assert connection.context == CONTEXT
    assert [frame.message["kind"] for frame in peer.connections[0].frames] == ["Hello"]


def test_a_refused_greeting_is_raised_as_its_error(start_peer: StartPeer) -> None:
    refusal = wire.refusal_of(InvalidRequestError(what="protocol 9", problem="is new", remedy="upgrade"))
    with pytest.raises(InvalidRequestError, match="protocol 9 is new"):
        Connection(start_peer(echo_key, greeting=refusal).address)


def test_requests_go_over_one_connection_one_after_the_other(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    connection = Connection(peer.address)
    assert [value_of(connection.exchange(get(key))) for key in "abc"] == [b'"a"', b'"b"', b'"c"']
    assert len(peer.connections) == 1


def test_the_request_id_travels_beside_the_message(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    Connection(peer.address).exchange(get("a"), "0123")
    assert peer.frames[0].request_id == "0123"


def test_a_reply_to_another_request_is_not_taken_for_its_own(start_peer: StartPeer) -> None:
    def answer(connection: PeerConnection, frame: Frame) -> None:
        connection.reply(frame._replace(number=frame.number + 7), messages.Absent("wrong"))
        echo_key(connection, frame)

    connection = Connection(start_peer(answer).address)
    assert value_of(connection.exchange(get("right"))) == b'"right"'


def test_a_value_of_many_reads_crosses_whole(start_peer: StartPeer) -> None:
    value = os.urandom(5_000_000)

    def answer(connection: PeerConnection, frame: Frame) -> None:
        stored = frame.message["value"]
        connection.reply(frame, messages.Entry("k", stored, version=1, size_bytes=len(stored)))

    connection = Connection(start_peer(answer).address)
    assert value_of(connection.exchange(wire.to_plain(messages.Set("k", value)))) == value


def test_a_frame_over_the_limit_is_refused_before_anything_is_sent(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    connection = Connection(peer.address)
    with pytest.raises(FrameTooLargeError, match="67,108,864"):
        connection.exchange(wire.to_plain(messages.Set("k", bytes(MAX_FRAME_BYTES))))
    assert peer.frames == []
    assert connection.is_usable
    assert value_of(connection.exchange(get("a"))) == b'"a"'


def test_nobody_listening_is_said_to_have_received_nothing(tmp_path: Path) -> None:
    with pytest.raises(SupervisorGoneError, match="nothing was sent"):
        Connection(str(tmp_path / "absent.sock"))


def test_a_supervisor_that_dies_in_a_request_leaves_its_outcome_unknown(start_peer: StartPeer) -> None:
    connection = Connection(start_peer(hang_up).address)
    with pytest.raises(SupervisorGoneError, match=r"before it answered; whether a write .* is not known"):
        connection.exchange(get("a"))
    assert not connection.is_usable


def test_a_frame_that_breaks_off_is_truncated(start_peer: StartPeer) -> None:
    def answer(connection: PeerConnection, frame: Frame) -> None:
        connection.send(encode_frame(frame.number, wire.to_plain(messages.Absent("k")))[:-1])
        connection.close()

    connection = Connection(start_peer(answer).address)
    with pytest.raises(TruncatedFrameError, match="ended inside a frame"):
        connection.exchange(get("a"))
    assert not connection.is_usable


def test_what_is_no_frame_makes_the_connection_unusable(start_peer: StartPeer) -> None:
    def answer(connection: PeerConnection, frame: Frame) -> None:
        connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    connection = Connection(start_peer(answer).address)
    with pytest.raises(FrameTooLargeError):
        connection.exchange(get("a"))
    assert not connection.is_usable


def test_an_exchange_that_a_signal_breaks_off_makes_the_connection_unusable(start_peer: StartPeer) -> None:
    def answer(connection: PeerConnection, frame: Frame) -> None:
        os.kill(os.getpid(), signal.SIGUSR1)  # while the request is in flight

    def raise_timeout(number: int, where: object) -> None:
        raise TimeoutError

    connection = Connection(start_peer(answer).address)
    previous = signal.signal(signal.SIGUSR1, raise_timeout)
    try:
        with pytest.raises((TimeoutError, SupervisorGoneError)):
            connection.exchange(get("a"))
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert not connection.is_usable


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # only the peer's threads
def test_a_forked_child_neither_uses_nor_disturbs_its_parents_connection(start_peer: StartPeer) -> None:
    connection = Connection(start_peer(echo_key).address)
    child = os.fork()
    if child == 0:
        usable = connection.is_usable
        connection.close()
        os._exit(1 if usable else 0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert connection.is_usable
    assert value_of(connection.exchange(get("a"))) == b'"a"'


@pytest.mark.parametrize("function", ["Connection.__init__", "ClientSocket.__init__", "_identity_of"])
def test_a_signal_handler_that_raises_while_the_socket_is_made_leaves_nothing_to_complain(
    start_peer: StartPeer, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    complaints: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", complaints.append)

    def interrupted(frame: FrameType, event: str, _: object) -> None:
        # As a signal that arrives just before the call: handlers run between two steps of the interpreter.
        if event == "call" and frame.f_code.co_qualname == function:
            raise KeyboardInterrupt

    address = start_peer(echo_key).address
    previous = sys.gettrace()
    sys.settrace(interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            Connection(address)
    finally:
        sys.settrace(previous)
    gc.collect()
    assert complaints == []
