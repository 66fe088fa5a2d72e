"""The job behind a relay that cuts its connections to the supervisor, before a request or after it. Run as a
module, with the arguments of the job and a file for the number of cuts:

    python -m tests.crash.cut_job LEDGER WORK CUTS
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import tempfile
import threading
from pathlib import Path

from statekeep.channel.address import ADDRESS_VARIABLE, supervisor_address

from tests.crash import job

_LENGTH = struct.Struct(">I")
# Of each five requests one is lost, and one more loses its reply. A request is repeated once, so no two
# neighbours are cut.
_PERIOD, _LOST, _UNANSWERED = 5, 0, 2


class Relay:
    """Passes frames between a task and its supervisor, one connection after the other."""

    def __init__(self, path: str, supervisor: str, cuts: Path) -> None:
        self._supervisor = supervisor
        self._cuts = cuts
        self._requests = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()

    def serve(self) -> None:
        while True:
            task, _address = self._listener.accept()
            with task, socket.socket(socket.AF_UNIX) as supervisor, contextlib.suppress(EOFError):
                supervisor.connect(self._supervisor)
                supervisor.sendall(_frame(task))  # the greeting, which is not cut
                task.sendall(_frame(supervisor))
                self._pass_on(task, supervisor)

    def _pass_on(self, task: socket.socket, supervisor: socket.socket) -> None:
        """Pass requests and replies on until one of them is cut."""
        while True:
            request = _frame(task)
            self._requests += 1
            cut = self._requests % _PERIOD
            if cut != _LOST:
                supervisor.sendall(request)
                reply = _frame(supervisor)
                if cut != _UNANSWERED:
                    task.sendall(reply)
                    continue
            with self._cuts.open("a") as cuts:
                cuts.write("lost\n" if cut == _LOST else "unanswered\n")
            return


def main() -> None:
    """Put the relay between this process and its supervisor, and do the job."""
    supervisor = supervisor_address()
    assert supervisor is not None
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/relay"
        relay = Relay(path, supervisor, Path(sys.argv[3]))
        threading.Thread(target=relay.serve, daemon=True).start()
        os.environ[ADDRESS_VARIABLE] = path
        job.main()


def _frame(connection: socket.socket) -> bytes:
    """Receive one frame, whole."""
    head = _exactly(connection, _LENGTH.size)
    return head + _exactly(connection, _LENGTH.unpack(head)[0])


def _exactly(connection: socket.socket, size_bytes: int) -> bytes:
    received = b""
    while len(received) < size_bytes:
        data = connection.recv(size_bytes - len(received))
        if not data:
            raise EOFError
        received += data
    return received


if __name__ == "__main__":
    main()
