"""An object store with steps in it, so that a process can be killed at each: the backend of these tests."""

from __future__ import annotations

import inspect
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

from statekeep.backends import ObjectStoreBackend

from tests.crash.steps import Killer

# Before and after each call of the medium, with or without twin.
_METHODS = ("put", "open", "delete", "pages")
MEDIUM_STEPS = tuple(f"{method}_{when}" for method in _METHODS for when in ("begun", "done"))
# Of those, the ones of a task, which lists nothing; and of whoever disposes of objects.
WRITING_STEPS = ("put_begun", "put_done")
DELETING_STEPS = ("delete_begun", "delete_done")
LISTING_STEPS = ("pages_begun", "pages_done")
# Of a folder on this machine: before each of its system calls that changes a name.
_FILE_EVENTS = {
    "open": "opening",
    "os.link": "naming",
    "os.remove": "removing",
    "os.mkdir": "making_folder",
    "os.rmdir": "removing_folder",
}
FOLDER_STEPS = tuple(_FILE_EVENTS.values())


class TaskKiller(Killer):
    """Kills from within the task process; its supervisor first, since with that this one dies."""

    def kill(self) -> None:
        assert self._plan is not None
        if self._plan.victim != "task":
            os.kill(os.getppid(), signal.SIGKILL)
        if self._plan.victim != "supervisor":
            os.kill(os.getpid(), signal.SIGKILL)


def step_with(on_step: Callable[[str], None]) -> None:
    """Have every step of this process's object stores call this."""
    global _on_step
    _on_step = on_step


def watch_folder(folder: str, on_step: Callable[[str], None]) -> None:
    """Have the system calls on names in a folder of objects be steps of this process, for good."""

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        name = _FILE_EVENTS.get(event)
        if name is not None and str(arguments[0]).startswith(folder):
            on_step(name)

    sys.addaudithook(audit)


class KillingObjectStore(ObjectStoreBackend):
    """The real one, over a medium with steps."""

    def _opened(self, *arguments: Any) -> tuple[Any, str]:
        medium, endpoint = super()._opened(*arguments)
        return _KillingMedium(medium), endpoint


class _KillingMedium:
    def __init__(self, medium: Any) -> None:
        self._medium = medium

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._medium, name)
        method = name if name in _METHODS else name.removeprefix("a")
        if method not in _METHODS:
            return found
        if inspect.iscoroutinefunction(found):
            return _stepping_twin(found, method)
        return _stepping_pages(found) if method == "pages" else _stepping(found, method)


def _stepping(function: Callable[..., Any], method: str) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        _on_step(f"{method}_begun")
        result = function(*arguments)
        _on_step(f"{method}_done")
        return result

    return call


def _stepping_twin(function: Callable[..., Any], method: str) -> Callable[..., Any]:
    async def call(*arguments: Any) -> Any:
        _on_step(f"{method}_begun")
        result = await function(*arguments)
        _on_step(f"{method}_done")
        return result

    return call


def _stepping_pages(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Iterator[Any]:
        _on_step("pages_begun")
        for page in function(*arguments):
            yield page
            _on_step("pages_done")

    return call


def _ignore(_step: str) -> None:
    """In a process whose plan names no such step."""


_on_step: Callable[[str], None] = _ignore
