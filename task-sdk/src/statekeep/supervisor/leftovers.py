"""What two kills left behind: a task whose supervisor and guardian were both killed."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from typing import NamedTuple

from ..channel.address import ADDRESS_VARIABLE
from .process_group import members_of

_PAUSE_SECONDS = 0.005
# No process has the number 0, nor one of more than nine digits.
_TRACE = re.compile(
    rb"([1-9][0-9]{0,8}) (0|[1-9][0-9]{0,8}) ([^\n]*)\n(?:([!-~]+ [0-9]{1,20})((?: [0-9a-f]{32})*)\n)?"
)


class Trace(NamedTuple):
    """What a lock's file says: its holder, the process group of its task, and the folder of its sockets.

    The folder has a random name, which every process of the task has in its environment: by that it is told
    from a stranger whose group got the same number later.

    ``file`` is which one this was written to: in a copy it tells nothing of who is alive. ``secrets`` are
    those under which a try may run at a server (see ``TryLock``).
    """

    holder: int
    group_id: int = 0
    socket_directory: str = ""
    file: str = ""
    secrets: tuple[str, ...] = ()

    def encoded(self) -> bytes:
        """Return the file's content."""
        more = f"{' '.join((self.file, *self.secrets))}\n" if self.file else ""
        return os.fsencode(f"{self.holder} {self.group_id} {self.socket_directory}\n{more}")


def decoded(content: bytes) -> Trace | None:
    """Return the trace in a lock's file; None when nothing, not all, or something else was written."""
    found = _TRACE.fullmatch(content)
    if found is None:
        return None
    holder, group_id, directory, file, secrets = found.groups(b"")
    return Trace(
        int(holder), int(group_id), os.fsdecode(directory), file.decode(), tuple(secrets.decode().split())
    )


def end_leftovers(trace: Trace) -> None:
    """Kill what is alive of the task, and return when nothing is. Linux only; elsewhere nobody can tell.

    Raises ``OSError`` when it cannot look.
    """
    if trace.group_id and trace.socket_directory:
        while left := _left(trace):
            for process_id in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process_id, signal.SIGKILL)
            time.sleep(_PAUSE_SECONDS)


def _left(trace: Trace) -> list[int]:
    mark = os.fsencode(f"{ADDRESS_VARIABLE}={trace.socket_directory}/")
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
