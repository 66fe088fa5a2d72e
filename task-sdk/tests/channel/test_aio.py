"""The task process's side of the channel, in event loops: many requests in flight, callers that give up."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from peer import Peer, PeerConnection, echo_key, hang_up
from statekeep._shared.state import messages, wire
from statekeep._shared.state.errors import ConflictError, InvalidRequestError
from statekeep.channel.client import ChannelClient
from statekeep.channel.errors import FrameTooLargeError, SupervisorGoneError, TruncatedFrameError
from statekeep.channel.frames import MAX_FRAME_BYTES, Frame, encode_frame

StartPeer = Callable[..., Peer]


class HoldingPeer:
    """Answers nothing until told to, so that a test decides the order."""

    def __init__(self) -> None:
        self.held: list[tuple[PeerConnection, Frame]] = []
        self._arrived = threading.Semaphore(0)

    def __call__(self, connection: PeerConnection, frame: Frame) -> None:
        self.held.append((connection, frame))
        self._arrived.release()

    async def has_received(self, count: int) -> None:
        for _ in range(count):
            assert await asyncio.to_thread(self._arrived.acquire, timeout=20)

    def release(self, *, reverse: bool = False) -> None:
        held, self.held = self.held, []
        for connection, frame in reversed(held) if reverse else held:
            echo_key(connection, frame)


async def aget(client: ChannelClient, key: str) -> bytes:
    entry = await client.acall(messages.Get(key))
    assert isinstance(entry, messages.Entry)
    return entry.value


def test_requests_share_one_connection_and_each_gets_its_own_reply(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    client = ChannelClient(peer.address)

    async def main() -> list[bytes]:
        return await asyncio.gather(*(aget(client, str(number)) for number in range(300)))

    assert asyncio.run(main()) == [f'"{number}"'.encode() for number in range(300)]
    assert len(peer.connections) == 1


def test_replies_may_come_in_any_order(start_peer: StartPeer) -> None:
    holding = HoldingPeer()
    client = ChannelClient(start_peer(holding).address)

    async def main() -> list[bytes]:
        requests = [asyncio.create_task(aget(client, key)) for key in "abc"]
        await holding.has_received(3)
        holding.release(reverse=True)
        return await asyncio.gather(*requests)

    assert asyncio.run(main()) == [b'"a"', b'"b"', b'"c"']


def test_a_caller_who_is_cancelled_after_its_frame_was_sent_leaves_when_the_reply_has_come(
    start_peer: StartPeer,
) -> None:
    holding = HoldingPeer()
    client = ChannelClient(start_peer(holding).address)

    async def main() -> bytes:
        cancelled = asyncio.create_task(aget(client, "cancelled"))
        await holding.has_received(1)
        wanted = asyncio.create_task(aget(client, "wanted"))
        await holding.has_received(1)
        for _ in range(3):
            cancelled.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # the loop turns
        assert not cancelled.done()
        holding.release()
        await asyncio.wait([cancelled])
        assert cancelled.cancelled()
        return await wanted

    assert asyncio.run(main()) == b'"wanted"'


def test_a_cancelled_caller_leaves_when_the_connection_ends_and_repeats_nothing(
    start_peer: StartPeer,
) -> None:
    holding = HoldingPeer()
    peer = start_peer(holding)
    client = ChannelClient(peer.address)

    async def main() -> None:
        cancelled = asyncio.create_task(aget(client, "cancelled"))
        await holding.has_received(1)
        cancelled.cancel()
        peer.connections[0].close()
        await asyncio.wait([cancelled])
        assert cancelled.cancelled()

    asyncio.run(main())
    assert len(peer.frames) == 1


def test_a_caller_cancelled_while_its_frame_is_sent_leaves_the_stream_whole(start_peer: StartPeer) -> None:
    may_read = threading.Event()
    peer = start_peer(echo_key)
    client = ChannelClient(peer.address)
    value = bytes(8_000_000)

    def read_late(connection: PeerConnection, frame: Frame) -> None:
        assert may_read.wait(20)
        echo_key(connection, frame)

    async def main() -> bytes:
        await aget(client, "first")
        peer.answer = read_late
        blocking = asyncio.create_task(aget(client, "blocks the reader"))
        await asyncio.sleep(0)
        cancelled = asyncio.create_task(client.acall(messages.Set("k", value)))
        await asyncio.sleep(0)  # the part that fits into the socket's buffer is sent
        cancelled.cancel()
        may_read.set()
        await asyncio.wait([cancelled])
        assert cancelled.cancelled()
        assert await blocking == b'"blocks the reader"'
        return await aget(client, "last")

    assert asyncio.run(main()) == b'"last"'
    assert [frame.message.get("value") for frame in peer.frames] == [None, None, value, None]


def test_a_cancelled_write_that_was_not_sent_yet_is_never_sent(start_peer: StartPeer) -> None:
    may_read = threading.Event()

    def read_late(connection: PeerConnection, frame: Frame) -> None:
        if connection is peer.connections[0]:
            assert may_read.wait(20)
        echo_key(connection, frame)

    peer = start_peer(read_late)
    client = ChannelClient(peer.address)

    async def main() -> None:
        # The peer reads nothing behind this request, so that what does not fit into the socket stays here.
        blocking = asyncio.create_task(aget(client, "blocks the reader"))
        filling = asyncio.create_task(client.acall(messages.Set("fill", bytes(8_000_000))))
        old = asyncio.create_task(client.acall(messages.Set("k", b"old")))
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(old, 0.001)
        client.call(messages.Set("k", b"new"))
        may_read.set()
        await asyncio.gather(blocking, filling)
        await aget(client, "last")

    asyncio.run(main())
    assert b"old" not in [frame.message.get("value") for frame in peer.frames]


def test_two_event_loops_have_a_connection_each(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    client = ChannelClient(peer.address)
    both = threading.Barrier(2, timeout=20)

    async def main(name: str) -> None:
        await aget(client, name)
        await asyncio.to_thread(both.wait)
        assert await aget(client, name) == f'"{name}"'.encode()

    threads = [threading.Thread(target=asyncio.run, args=(main(name),)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = [{frame.message["key"] for frame in connection.frames[1:]} for connection in peer.connections]
    assert sorted(keys, key=min) == [{"a"}, {"b"}]


def test_a_loop_that_is_gone_leaves_no_descriptor_open(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    client = ChannelClient(peer.address)
    for _ in range(3):
        asyncio.run(aget(client, "a"))
    gc.collect()
    assert len(client._loops or ()) == 0
    for connection in peer.connections:
        assert list(connection.read_frames()) == []  # ends, because the other side is closed


def test_blocking_calls_and_loops_do_not_share(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    client = ChannelClient(peer.address)

    async def main() -> None:
        await aget(client, "a")
        client.call(messages.Get("b"))

    asyncio.run(main())
    assert len(peer.connections) == 2


def test_a_refusal_is_raised_as_this_copys_own_class(start_peer: StartPeer) -> None:
    def answer(connection: PeerConnection, frame: Frame) -> None:
        connection.reply(frame, wire.refusal_of(ConflictError(key="k", version=4, wanted=3)))

    with pytest.raises(ConflictError, match="version 4"):
        asyncio.run(ChannelClient(start_peer(answer).address).acall(messages.Get("k")))


def test_a_refused_greeting_is_raised_as_its_error(start_peer: StartPeer) -> None:
    refusal = wire.refusal_of(InvalidRequestError(what="protocol 9", problem="is new", remedy="upgrade"))
    client = ChannelClient(start_peer(lambda connection, frame: None, greeting=refusal).address)
    with pytest.raises(InvalidRequestError, match="protocol 9 is new"):
        asyncio.run(client.acall(messages.Get("k")))


def test_a_broken_connection_is_replaced_and_the_request_repeated_under_its_id(start_peer: StartPeer) -> None:
    def answer(connection: PeerConnection, frame: Frame) -> None:
        if len(peer.frames) == 1:
            connection.close()
        else:
            echo_key(connection, frame)

    peer = start_peer(answer)
    write = messages.Set("k", b"123", if_absent=True)
    assert asyncio.run(ChannelClient(peer.address).acall(write, "ab" * 16)) == messages.Written(3)
    assert [frame.request_id for frame in peer.frames] == ["ab" * 16, "ab" * 16]


def test_everyone_who_waits_is_told_when_the_connection_breaks(start_peer: StartPeer) -> None:
    client = ChannelClient(start_peer(hang_up).address)

    async def main() -> list[Any]:
        return await asyncio.gather(*(aget(client, key) for key in "abc"), return_exceptions=True)

    results = asyncio.run(main())
    assert [type(result) for result in results] == [SupervisorGoneError] * 3


def test_a_supervisor_that_dies_in_a_request_leaves_its_outcome_unknown(start_peer: StartPeer) -> None:
    peer: Peer = start_peer(lambda connection, frame: peer.stop())
    with pytest.raises(SupervisorGoneError, match="took effect is not known"):
        asyncio.run(ChannelClient(peer.address).acall(messages.Set("k", b"1")))


def test_a_truncated_reply_is_said_to_be_one(start_peer: StartPeer) -> None:
    def answer(connection: PeerConnection, frame: Frame) -> None:
        connection.send(encode_frame(frame.number, wire.to_plain(messages.Absent("k")))[:20])
        peer.stop()

    peer = start_peer(answer)
    with pytest.raises(TruncatedFrameError):
        asyncio.run(ChannelClient(peer.address).acall(messages.Get("k")))


def test_nobody_listening_is_said_to_have_received_nothing(tmp_path: Path) -> None:
    with pytest.raises(SupervisorGoneError, match="nothing was sent"):
        asyncio.run(ChannelClient(str(tmp_path / "absent.sock")).acall(messages.Get("k")))


def test_a_frame_over_the_limit_costs_no_connection(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    client = ChannelClient(peer.address)

    async def main() -> bytes:
        await aget(client, "a")
        with pytest.raises(FrameTooLargeError):
            await client.acall(messages.Set("k", bytes(MAX_FRAME_BYTES)))
        return await aget(client, "b")

    assert asyncio.run(main()) == b'"b"'
    assert len(peer.connections) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue refuses, which is another error")
def test_a_full_queue_of_connections_is_waited_for_without_blocking_the_loop(tmp_path: Path) -> None:
    address = str(tmp_path / "full.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(0)
    first = socket.socket(socket.AF_UNIX)
    first.connect(address)  # takes the only place in the queue
    client = ChannelClient(address)

    async def main() -> None:
        waiting = asyncio.create_task(aget(client, "a"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # the loop turns
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()

    with listener, first:
        asyncio.run(main())


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # only the peer's threads
def test_a_loop_in_a_forked_child_connects_anew(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    client = ChannelClient(peer.address)

    async def main() -> int:
        await aget(client, "before")
        child = os.fork()
        if child == 0:
            try:
                result: list[bytes] = []
                thread = threading.Thread(target=lambda: result.append(asyncio.run(aget(client, "child"))))
                thread.start()
                thread.join()
                os._exit(0 if result == [b'"child"'] else 1)
            finally:
                os._exit(2)
        assert await aget(client, "after") == b'"after"'
        return child

    child = asyncio.run(main())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    keys = [{frame.message["key"] for frame in connection.frames[1:]} for connection in peer.connections]
    assert keys == [{"before", "after"}, {"child"}]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # only the peer's threads
def test_an_inherited_loop_does_not_use_its_parents_connection(start_peer: StartPeer) -> None:
    peer = start_peer(echo_key)
    client = ChannelClient(peer.address)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(aget(client, "parent"))
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if loop.run_until_complete(aget(client, "child")) == b'"child"' else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    loop.close()
    keys = [{frame.message["key"] for frame in connection.frames[1:]} for connection in peer.connections]
    assert keys == [{"parent"}, {"child"}]


def test_a_connection_whose_descriptor_was_closed_and_taken_by_another_is_replaced(
    start_peer: StartPeer,
) -> None:
    peer = start_peer(echo_key)
    client = ChannelClient(peer.address)

    async def main() -> bytes:
        await aget(client, "a")
        (connection,) = (client._loops or {}).values()
        number = connection._socket.fileno()
        del connection
        taken, other_end = socket.socketpair()
        with taken, other_end:
            os.dup2(taken.fileno(), number)
            answer = await aget(client, "b")
            gc.collect()
            os.write(number, b"still open")
            assert other_end.recv(100) == b"still open", "and nothing of ours before"
            os.close(number)
        return answer

    assert asyncio.run(main()) == b'"b"'
