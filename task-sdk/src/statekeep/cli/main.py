"""The command's entry: finds the command group, runs it, and turns what Statekeep refuses into one line."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

from .. import __version__
from ..supervisor.saying import say
from .parser import Parser
from .statuses import status_of

if TYPE_CHECKING:
    from collections.abc import Sequence

# Each group is a module with `run(parser, arguments) -> exit status`, loaded only when it is used.
_GROUPS = {
    "run": "run a command or a Python function as a durable task",
    "state": "read and write the state of a task",
    "asset": "read and write the state of an asset",
    "tries": "show what ran",
    "config": "show the settings",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (by default, the process's) and return its exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    group = given[0] if given and given[0] in _GROUPS else None
    try:
        if group is None:
            return _without_group(given)
        module = importlib.import_module(f".{group}", __package__)
        status: int = module.run(Parser(prog=f"statekeep {group}"), given[1:])
        return status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return _with_nobody_reading()
    except Exception as error:  # status_of knows ours; any other is raised again
        status_or_none = status_of(error)
        if status_or_none is None:
            raise
        say(str(error))
        return status_or_none


def _without_group(given: list[str]) -> int:
    parser = Parser(
        prog="statekeep",
        description="Durable state for data pipelines.",
        epilog="\n".join(f"  {name:8}{what}" for name, what in _GROUPS.items())
        + "\n\n`statekeep COMMAND --help` says more.",
        usage="statekeep COMMAND ...",
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("command", nargs="?", metavar="COMMAND", help="one of the commands below")
    arguments, _ = parser.parse_known_args(given)
    if arguments.version:
        sys.stdout.write(f"statekeep {__version__}\n")
        return 0
    if arguments.command is not None:
        parser.error(f"there is no command {arguments.command!r}; there are {', '.join(_GROUPS)}")
    parser.print_help()
    return 0


def _with_nobody_reading() -> int:
    """End quietly when the reader of our output has gone (`statekeep tries list | head`)."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + 13
