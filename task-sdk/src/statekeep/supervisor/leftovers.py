"""What two kills left behind: a task whose supervisor and guardian were both killed."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import NamedTuple

from ..channel.address import ADDRESS_VARIABLE
from .process_group import members_of

_PAUSE_SECONDS = 0.005


class Trace(NamedTuple):
    """What a lock's file says: its holder, the process group of its task, and the folder of its sockets.

    The folder has a random name, which every process of the task has in its environment: by that it is told
    from a stranger whose group got the same number later.
    """

    holder: int
    group_id: int = 0
    socket_directory: str = ""

    def encoded(self) -> bytes:
        """Return the file's content."""
        return f"{self.holder} {self.group_id} {self.socket_directory}\n".encode()


def decoded(content: bytes) -> Trace | None:
    """Return the trace in a lock's file, or None when nothing, or not all, was written."""
    if not content.endswith(b"\n"):
        return None
    holder, group_id, directory = os.fsdecode(content[:-1]).split(" ", 2)
    return Trace(int(holder), int(group_id), directory)


def end_leftovers(trace: Trace) -> None:
    """Kill what is alive of the task, and return when nothing is. Linux only; elsewhere nobody can tell."""
    if trace.group_id:
        while left := _left(trace):
            for process_id in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process_id, signal.SIGKILL)
            time.sleep(_PAUSE_SECONDS)


def _left(trace: Trace) -> list[int]:
    mark = f"{ADDRESS_VARIABLE}={trace.socket_directory}/".encode()
    return [
        member.process_id
        for member in members_of(trace.group_id) or ()
        if any(variable.startswith(mark) for variable in _environ_of(member.process_id))
    ]


def _environ_of(process_id: int) -> list[bytes]:
    try:
        with open(f"/proc/{process_id}/environ", "rb") as file:  # noqa: PTH123 -- as short as it gets
            return file.read().split(b"\0")
    except OSError:  # it has ended, or is another user's
        return []
