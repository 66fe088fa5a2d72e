"""What a supervisor or a command says to people, on standard error."""

from __future__ import annotations

import sys


def say(message: str) -> None:
    """Print a message, each of its lines with the program's name before it.

    In one write, so that lines of the task and of other supervisors do not come in between.
    """
    sys.stderr.write("".join(f"statekeep: {line}\n" for line in message.splitlines()))
    sys.stderr.flush()
