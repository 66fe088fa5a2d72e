"""The file descriptors that a supervisor needs, seen to before anything is started."""

from __future__ import annotations

import contextlib
import os

from .._shared.state.errors import UnavailableError

# The loop, the lock, the store's files, the sockets, a pipe each to guardian and task, and a few connections.
_NEEDED = 24
_STANDARD = 3


def check_descriptors() -> None:
    """Raise :class:`UnavailableError` when a try could run out of descriptors before its command does."""
    with contextlib.ExitStack() as taken:
        try:
            for _ in range(_NEEDED):
                taken.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            raise UnavailableError(
                what="a supervisor",
                problem=f"{error.strerror}; it needs {_NEEDED} file descriptors more (see `ulimit -n`)",
            ) from error


def occupy_standard_descriptors() -> None:
    """Open nothing where descriptors 0 to 2 are closed, so that no file of the store gets such a number.

    Else whatever writes to standard error would write to that file. The task does not inherit it: it finds
    closed what this process was started without.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < _STANDARD:
        pass
    os.close(descriptor)
