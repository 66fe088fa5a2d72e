"""Sees whether a coroutine does blocking work on the event loop's own thread, without measuring time.

While a :class:`LoopWatch` is open, the interpreter reports every call on this thread. A call of a blocking
half, or of a C function that waits for a disk, a socket, a lock or a clock, is noted, unless the event loop
itself made it.
"""

from __future__ import annotations

import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from ..backend import BaseStateBackend

BLOCKING_HALVES = ("get", "set", "delete", "clear")

# The event loop polls, wakes itself through a socket pair, and hands work to threads.
_LOOP_MODULES = ("asyncio", "selectors", "concurrent", "threading", "queue", "uvloop")
_BLOCKING_MODULES = frozenset({"_io", "io", "sqlite3", "_sqlite3", "apsw", "fcntl", "select"})
_FILE_CALLS = """
    open read write pread pwrite fsync fdatasync replace rename unlink remove link mkdir rmdir stat lstat
    listdir scandir truncate ftruncate waitpid
"""
_BLOCKING_NAMES = MappingProxyType(
    {
        "posix": frozenset(_FILE_CALLS.split()),
        "_socket": frozenset({"getaddrinfo", "gethostbyname"}),
        "socket": frozenset(
            {"accept", "connect", "recv", "recv_into", "recvfrom", "send", "sendall", "sendto"}
        ),
        "time": frozenset({"sleep"}),
        "_thread": frozenset({"acquire"}),
    }
)


class LoopWatch:
    """A context manager for the loop's thread; ``blocking_calls`` names what blocked it."""

    def __init__(self, backend: BaseStateBackend) -> None:
        self.blocking_calls: list[str] = []
        self._halves = {_code_of(backend, name): name for name in BLOCKING_HALVES}

    def __enter__(self) -> Self:
        self._previous = sys.getprofile()
        sys.setprofile(self._note)  # process-wide: no, of this thread, and only while the watch is open
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._previous)  # process-wide: no, it puts back what was there

    def _note(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code in self._halves:
            self.blocking_calls.append(f"{self._halves[frame.f_code]}()")
        elif event == "c_call" and not _is_of_the_loop(frame):
            module, name = _home_of(argument)
            if module in _BLOCKING_MODULES or name in _BLOCKING_NAMES.get(module, ()):
                self.blocking_calls.append(f"{module}.{name}")


def _code_of(backend: BaseStateBackend, method: str) -> CodeType | None:
    return getattr(getattr(type(backend), method), "__code__", None)


def _is_of_the_loop(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] in _LOOP_MODULES


def _home_of(function: Any) -> tuple[str, str]:
    module = getattr(function, "__module__", None)
    if module is None:  # a method: what counts is the class of its object
        module = type(getattr(function, "__self__", None)).__module__
    return module, getattr(function, "__name__", "")
