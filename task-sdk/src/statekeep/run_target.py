"""The start of a task process that calls a Python function: ``module:function`` or ``file.py:function``."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from importlib.machinery import SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any


def main() -> None:
    """Call the function that the process's arguments name, as the file behind a descriptor, if any, says.

    An exception ends the process as it would end a script. A coroutine function is run to its end.
    """
    target, *descriptor = sys.argv[1:]
    sys.argv[:] = [target]
    arguments: list[Any] = []
    keywords: dict[str, Any] = {}
    if descriptor:
        sys.path[:], arguments, keywords = _how_to_call(int(descriptor[0]))
    result = find_function(target)(*arguments, **keywords)
    if hasattr(result, "__await__"):
        import asyncio

        asyncio.run(_awaited(result))


def find_function(target: str) -> Callable[..., Any]:
    """Return the function that a target names. Exits with a message when there is no such function."""
    place, _, name = target.rpartition(":")
    module = _module_of_file(place) if place.endswith(".py") or os.sep in place else _module(place)
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        sys.exit(f"statekeep: {place} has no function {name}")
    function: Callable[..., Any] = found
    return function


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # What the module itself could not import is for a traceback.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        sys.exit(f"statekeep: there is no module {name} (searched from {os.getcwd()})")  # noqa: PTH109 -- pathlib costs 5 ms of each start


def _module_of_file(path: str) -> ModuleType:
    """Import a file by its path, as a module with the file's name, beside which it finds its neighbours."""
    directory, filename = os.path.split(os.path.abspath(path))  # noqa: PTH100 -- as above
    name = filename.removesuffix(".py")
    sys.path.insert(0, directory)
    if not os.path.isfile(path):  # noqa: PTH113 -- as above
        sys.exit(f"statekeep: there is no file {path}")
    loader = SourceFileLoader(name, f"{directory}/{filename}")  # by the ending, a script without one has none
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None  # noqa: S101 -- it is None without a loader only
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def _how_to_call(descriptor: int) -> tuple[list[str], list[Any], dict[str, Any]]:
    import json

    # Read by position: a further try reads the same file again.
    call = json.loads(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
    os.close(descriptor)
    return call["path"], call["arguments"], call["keywords"]


async def _awaited(result: Any) -> None:
    await result
