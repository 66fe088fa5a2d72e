"""`statekeep run`: supervises a command or a Python function as one try of a task, or several."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..supervisor import exit_status
from ..supervisor.configured import python_command, supervise
from ..supervisor.job import Job
from .addresses import add_task_options, asset_address, task_address
from .durations import seconds

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

_USAGE = """statekeep run --dag D --run R --task T [options] -- COMMAND...
       statekeep run --dag D --run R --task T [options] package.module:function
       statekeep run --dag D --run R --task T [options] path/to/file.py:function"""

_LONGEST_COUNT_DIGITS = 6

_DESCRIPTION = """Runs a command as a durable task: what it keeps with `statekeep state` or in Python
outlives a crash, only one try of it runs at a time, and what it writes to assets shows when it succeeds."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `statekeep run`."""
    parser.usage = _USAGE
    parser.description = _DESCRIPTION
    parser.epilog = _exit_statuses()
    add_task_options(parser, required=True)
    asset: dict[str, Any] = {"action": "append", "default": [], "type": asset_address, "metavar": "A"}
    parser.add_argument(
        "--inlet", **asset, help="an asset that it reads: a name, a uri (with ://), or name=uri"
    )
    parser.add_argument("--outlet", **asset, help="an asset that it writes; both may be given several times")
    parser.add_argument(
        "--retries",
        type=_count,
        default=0,
        metavar="N",
        help="how many more tries after a failure (default: 0)",
    )
    parser.add_argument(
        "--retry-delay",
        type=seconds,
        default=0.0,
        metavar="S",
        help="seconds before each of them (default: 0)",
    )
    parser.add_argument(
        "--wait",
        type=seconds,
        default=0.0,
        metavar="S",
        help="seconds to wait for a try that still runs (default: 0)",
    )
    parser.add_argument(
        "--rerun", action="store_true", help="run it even if it has succeeded; keeps its state"
    )
    parser.add_argument("--fresh", action="store_true", help="with --rerun: clear its state first")
    parser.add_argument(
        "--new-asset", action="store_true", help="create another asset where the named one was deactivated"
    )
    parser.add_argument("target", nargs="?", help=argparse.SUPPRESS)


def run(parser: ArgumentParser, given: Sequence[str]) -> int:
    """Run `statekeep run` with these arguments: supervise the job, and return the status to exit with."""
    add_arguments(parser)
    return supervise(_job(parsed(parser, given))).exit_status


def parsed(parser: ArgumentParser, given: Sequence[str]) -> Namespace:
    """Return the options; what follows `--` is the command, untouched, in ``command``."""
    options, command = _parted(given)
    arguments = parser.parse_args(options)
    arguments.command = command
    if bool(command) == (arguments.target is not None):
        parser.error("give a command after `--`, or a Python function as package.module:function")
    if arguments.target is not None and not _names_function(arguments.target):
        parser.error(f"{arguments.target!r} is no package.module:function; put `--` before a command")
    if arguments.fresh and not arguments.rerun:
        parser.error("--fresh needs --rerun")
    return arguments


def _job(arguments: Namespace) -> Job:
    return Job(
        task=task_address(arguments),
        command=arguments.command or python_command(arguments.target),
        inlets=tuple(arguments.inlet),
        outlets=tuple(arguments.outlet),
        retries=arguments.retries,
        retry_delay_seconds=arguments.retry_delay,
        wait_seconds=arguments.wait,
        rerun=arguments.rerun,
        fresh=arguments.fresh,
        new_asset=arguments.new_asset,
    )


def _parted(given: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return what stands before the first `--`, and the command after it."""
    words = list(given)
    at = words.index("--") if "--" in words else len(words)
    return words[:at], tuple(words[at + 1 :])


def _names_function(target: str) -> bool:
    place, _, name = target.rpartition(":")
    is_file = place.endswith(".py") or "/" in place
    return all(name.split(".")) and bool(place) and (is_file or all(place.split(".")))


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > _LONGEST_COUNT_DIGITS:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is no number of times from 0 to 999,999")
    return int(text)


def _exit_statuses() -> str:
    lines = [f"  {status:<10}{meaning}" for status, meaning in exit_status.MEANINGS]
    return "\n".join(["exit status:", *lines])
