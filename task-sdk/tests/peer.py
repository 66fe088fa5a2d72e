"""The supervisor's end of the channel, for tests: a real socket, and answers that the test gives."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from statekeep._shared.state import messages, wire
from statekeep.channel.frames import Frame, FrameDecoder, encode_frame

CONTEXT = messages.Context(
    task=messages.TaskAddress("etl", "2026-01-01", "load", 3),
    ti_id="00000000-0000-5000-8000-000000000000",
    try_number=2,
    grants=(
        messages.Grant(1, "orders", "s3://lake/orders", writable=True),
        messages.Grant(2, "customers", None, writable=False),
    ),
)


class PeerConnection:
    """One accepted connection: what has arrived over it, and ways to answer or to break it."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self.frames: list[Frame] = []

    def reply(self, frame: Frame, message: Any) -> None:
        self.reply_plain(frame, wire.to_plain(message))

    def reply_plain(self, frame: Frame, plain: wire.Plain) -> None:
        self.send(encode_frame(frame.number, plain))

    def send(self, data: bytes) -> None:
        self._stream.sendall(data)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)
        self._stream.close()

    def read_frames(self) -> Iterator[Frame]:
        decoder = FrameDecoder()
        with contextlib.suppress(OSError):  # closed by a script, or by the end of the test
            while data := self._stream.recv(1 << 20):
                decoder.feed(data)
                while (frame := decoder.take()) is not None:
                    self.frames.append(frame)
                    yield frame


Answer = Callable[[PeerConnection, Frame], None]


class Peer:
    """Listens on a Unix socket, greets, and hands the other frames to ``answer``; a thread per connection."""

    def __init__(
        self,
        path: Path,
        answer: Answer,
        *,
        greeting: Any = CONTEXT,
        before_greeting: Callable[[], object] = lambda: None,
    ) -> None:
        self.address = str(path)
        self.connections: list[PeerConnection] = []
        self.answer = answer
        self._greeting = greeting
        self._before_greeting = before_greeting
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.address)
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def frames(self) -> list[Frame]:
        """Every frame that arrived after the greetings, connection by connection."""
        return [
            frame
            for connection in self.connections
            for frame in connection.frames
            if frame.message["kind"] != "Hello"
        ]

    def stop(self) -> None:
        """Die: nobody listens any more, and every connection ends."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            connection.close()

    def join(self) -> None:
        self.stop()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                stream, _ = self._listener.accept()
                connection = PeerConnection(stream)
                self.connections.append(connection)
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: PeerConnection) -> None:
        with contextlib.suppress(OSError):
            for frame in connection.read_frames():
                if frame.message["kind"] == "Hello":
                    self._before_greeting()
                    connection.reply(frame, self._greeting)
                else:
                    self.answer(connection, frame)
        connection.close()


def echo_key(connection: PeerConnection, frame: Frame) -> None:
    """Answer a Get with its key as the value, and a Set with the number of bytes as the version."""
    if frame.message["kind"] == "Get":
        key = frame.message["key"]
        value = f'"{key}"'.encode()
        connection.reply(frame, messages.Entry(key, value, version=1, size_bytes=len(value)))
    else:
        connection.reply(frame, messages.Written(len(frame.message["value"])))


def hang_up(connection: PeerConnection, frame: Frame) -> None:
    connection.close()


def say_nothing(connection: PeerConnection, frame: Frame) -> None:
    pass
