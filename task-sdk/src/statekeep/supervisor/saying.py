"""What a supervisor or a command says to people, on standard error."""

from __future__ import annotations

import contextlib
import sys


def say(message: str) -> None:
    """Print a message, each of its lines with the program's name before it. Never raises.

    In one write, so that lines of the task and of other supervisors do not come in between. A message that
    nobody can have (the log's reader is gone, its disk is full, the process was started without it) is lost:
    what is said must never end what is done.
    """
    if sys.stderr is None:  # closed at the start: `2>&-`
        return
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write("".join(f"statekeep: {line}\n" for line in message.splitlines()))
        sys.stderr.flush()
