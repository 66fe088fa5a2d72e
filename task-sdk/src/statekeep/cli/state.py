"""`statekeep state`: the state of a task, inside it or, as an operator, from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import entries
from .access import task_state
from .addresses import add_task_options
from .parser import subcommands
from .statuses import OF_ENTRIES

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Sequence

_DESCRIPTION = """Reads and writes what a task keeps. Inside `statekeep run` the task is known, and its writes
are those of its try. Outside, name the task with --dag, --run and --task; the writes are then yours."""

_COMMANDS = {
    "get": ("print a value", entries.add_get, entries.get),
    "set": ("write a value", entries.add_set, entries.set_),
    "delete": ("remove a key", entries.add_delete, entries.delete),
    "list": ("show all keys", entries.add_list, entries.list_),
}


def run(parser: ArgumentParser, given: Sequence[str]) -> int:
    """Run `statekeep state` with these arguments and return the exit status."""
    parser.description, parser.epilog = _DESCRIPTION, OF_ENTRIES
    commands = subcommands(parser)
    for name, (what, add_arguments, _) in _COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what)
        add_arguments(command)
        add_task_options(command, required=False)
    arguments = parser.parse_args(given)
    with task_state(arguments, with_values=getattr(arguments, "values", True)) as (ask, target):
        return _COMMANDS[arguments.command][2](ask, target, arguments)
