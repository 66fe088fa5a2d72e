"""What a supervisor or a command says to people, on standard error."""

from __future__ import annotations

import contextlib
import select
import sys

# A pipe that has room for so much takes it without waiting.
_PIECE_CHARACTERS = select.PIPE_BUF // 4
_PATIENCE_SECONDS = 1.0


def say(message: str) -> None:
    """As :func:`said`, for a message that may be lost."""
    said(message)


def said(message: str) -> bool:
    """Print a message, each of its lines with the program's name before it. Never raises.

    In one write, so that lines of the task and of other supervisors do not come in between. A message that
    nobody can have (the log's reader is gone or has stood still for a second, its disk is full, the process
    was started without it) is lost: what is said must never end, or hold up, what is done. Return whether
    somebody can have it.
    """
    if sys.stderr is None:  # closed at the start: `2>&-`
        return False
    text = "".join(f"statekeep: {line}\n" for line in message.splitlines())
    with contextlib.suppress(OSError, ValueError):
        for start in range(0, len(text), _PIECE_CHARACTERS):
            if not _has_room():
                return False
            sys.stderr.write(text[start : start + _PIECE_CHARACTERS])
            sys.stderr.flush()
        return True
    return False


def _has_room() -> bool:
    try:
        descriptor: object = sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):
        descriptor = None
    if not isinstance(descriptor, int):  # what stands there instead, as in a notebook, nobody could fill
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(_PATIENCE_SECONDS * 1_000))
