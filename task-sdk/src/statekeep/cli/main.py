"""The command's entry: finds the command group, runs it, and turns what Statekeep refuses into one line."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from .. import __version__
from ..supervisor.descriptors import occupy_standard_descriptors
from ..supervisor.exit_status import INTERNAL
from ..supervisor.saying import say
from .parser import Parser
from .statuses import OUTPUT_LOST
from .streams import OutputError, any_is_closed, flush_output, print_for_people

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Each group is a module with `run(parser, arguments) -> exit status`, loaded only when it is used.
_GROUPS = {
    "run": "run a command or a Python function as a durable task",
    "state": "read and write the state of a task",
    "asset": "read and write the state of an asset",
    "tries": "show what ran",
    "sweep": "remove what has expired, was replaced, or belongs to nobody",
    "config": "show the settings",
    "backend": "check the worker's backends",
}


# Under this name other distributions offer further groups, of the same form and with a SUMMARY.
_OTHERS = "statekeep.commands"

_OBJECTS_BETWEEN_COLLECTIONS = 100_000
# As in a shell: 128 and the number of SIGINT, of SIGPIPE.
_INTERRUPTED = 130
_NOBODY_READS = 141


def main() -> NoReturn:
    """Run the command with the process's arguments, and end the process with its exit status."""
    # Importing makes many objects and no garbage: collecting meanwhile took 7 ms of a supervised no-op.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    if any_is_closed():
        occupy_standard_descriptors()
    status = run_command(sys.argv[1:])
    # Everything is closed; taking the interpreter apart object by object would take another 10 ms.
    os._exit(status)


def run_command(given: Sequence[str]) -> int:
    """Run the command with these arguments and return its exit status; an error is said in a line."""
    try:
        status = _status_of_group(given)
        flush_output()
        return status
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        return _NOBODY_READS
    except OutputError as error:
        say(str(error))
        return OUTPUT_LOST
    # Whatever it is, the status must not pass for the supervised command's own.
    except Exception as error:
        return _refused(error)


def _status_of_group(given: Sequence[str]) -> int:
    group = given[0] if given and given[0] in _GROUPS else None
    try:
        if group is None:
            return _of_others(given)
        module = importlib.import_module(f".{group}", __package__)
        status: int = module.run(Parser(prog=f"statekeep {group}"), given[1:])
    except SystemExit as ended:  # the parser's, after --help or a mistake
        return int(ended.code or 0)
    return status


def _of_others(given: Sequence[str]) -> int:
    """Run a group of another distribution's; else say what groups there are."""
    # Only here: to look for them takes 40 ms.
    from importlib.metadata import entry_points

    others = {each.name: each for each in entry_points(group=_OTHERS)}
    if not given or given[0] not in others:
        return _without_group(given, {name: each.load().SUMMARY for name, each in others.items()})
    from ..client.embedded import core_errors

    with core_errors():
        status: int = others[given[0]].load().run(Parser(prog=f"statekeep {given[0]}"), given[1:])
    return status


def _refused(error: Exception) -> int:
    from .refusals import status_of

    status = status_of(error)
    if status == INTERNAL:
        import traceback  # 2 ms that no good start should pay

        say(traceback.format_exc())
    say(str(error))
    return status


def _without_group(given: Sequence[str], others: Mapping[str, str]) -> int:
    groups = {**_GROUPS, **others}
    parser = Parser(
        prog="statekeep",
        description="Durable state for data pipelines.",
        epilog="\n".join(f"  {name:8}{what}" for name, what in groups.items())
        + "\n\n`statekeep COMMAND --help` says more.",
        usage="statekeep COMMAND ...",
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("command", nargs="?", metavar="COMMAND", help="one of the commands below")
    arguments, _ = parser.parse_known_args(given)
    if arguments.version:
        print_for_people(f"statekeep {__version__}\n")
        return 0
    if arguments.command is not None:
        parser.error(f"there is no command {arguments.command!r}; there are {', '.join(groups)}")
    parser.print_help()
    return 0
