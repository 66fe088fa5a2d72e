"""`statekeep run`: supervises a command or a Python function as one try of a task, or several."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from .. import config
from ..client.opening import lock_directory, open_client
from ..supervisor import exit_status
from ..supervisor.job import Job, Outcome
from .addresses import add_task_options, asset_address, task_address
from .messages import say

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

_USAGE = """statekeep run --dag D --run R --task T [options] -- COMMAND...
       statekeep run --dag D --run R --task T [options] package.module:function
       statekeep run --dag D --run R --task T [options] path/to/file.py:function"""

_DESCRIPTION = """Runs a command as a durable task: what it keeps with `statekeep state` or in Python
outlives a crash, only one try of it runs at a time, and what it writes to assets shows when it succeeds."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `statekeep run`."""
    parser.usage = _USAGE
    parser.description = _DESCRIPTION
    parser.epilog = _exit_statuses()
    add_task_options(parser, required=True)
    asset: dict[str, Any] = {"action": "append", "default": [], "type": asset_address, "metavar": "A"}
    parser.add_argument("--inlet", **asset, help="an asset that the task reads: a name, or a uri (with ://)")
    parser.add_argument("--outlet", **asset, help="an asset that the task writes; may be given several times")
    parser.add_argument(
        "--retries",
        type=_count,
        default=0,
        metavar="N",
        help="how many more tries after a failure (default: 0)",
    )
    parser.add_argument(
        "--retry-delay",
        type=_seconds,
        default=0.0,
        metavar="S",
        help="seconds before each of them (default: 0)",
    )
    parser.add_argument(
        "--wait", type=_seconds, default=0.0, metavar="S", help="seconds to wait for a try that still runs"
    )
    parser.add_argument(
        "--rerun", action="store_true", help="run it even if it has succeeded; keeps its state"
    )
    parser.add_argument("--fresh", action="store_true", help="with --rerun: clear its state first")
    parser.add_argument(
        "--new-asset", action="store_true", help="create another asset where the named one was deactivated"
    )
    # For `run` of the decorator in task.py, which passes both as descriptors that it has opened.
    parser.add_argument("--arguments-descriptor", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--report-descriptor", type=int, help=argparse.SUPPRESS)
    parser.add_argument("target", nargs="?", help=argparse.SUPPRESS)


def parse(parser: ArgumentParser, given: Sequence[str]) -> Namespace:
    """Return the options; what follows `--` is the command, untouched, in ``command``."""
    options, _, command = _parted(given)
    arguments = parser.parse_args(options)
    arguments.command = tuple(command)
    if bool(arguments.command) == (arguments.target is not None):
        parser.error("give a command after `--`, or a Python function as package.module:function")
    if arguments.target is not None and ":" not in arguments.target:
        parser.error(f"{arguments.target!r} is no package.module:function; put `--` before a command")
    if arguments.fresh and not arguments.rerun:
        parser.error("--fresh needs --rerun")
    return arguments


def run(arguments: Namespace) -> int:
    """Supervise the job and return the status to exit with."""
    from ..supervisor.supervisor import Supervisor

    if arguments.report_descriptor is not None:
        os.set_inheritable(arguments.report_descriptor, False)  # the task has no part in it
    environ = config.process_environment()
    settings = config.load(environ)
    supervisor = Supervisor(
        _job(arguments),
        settings.workers,
        open_client=lambda: open_client(settings, environ),
        lock_directory=lock_directory(settings, environ),
        environ=environ,
        say=say,
    )
    outcome = supervisor.run()
    if arguments.report_descriptor is not None:
        _report(arguments.report_descriptor, outcome)
    return outcome.exit_status


def _job(arguments: Namespace) -> Job:
    return Job(
        task=task_address(arguments),
        command=arguments.command or _python_command(arguments.target, arguments.arguments_descriptor),
        inlets=tuple(arguments.inlet),
        outlets=tuple(arguments.outlet),
        retries=arguments.retries,
        retry_delay_seconds=arguments.retry_delay,
        wait_seconds=arguments.wait,
        rerun=arguments.rerun,
        fresh=arguments.fresh,
        new_asset=arguments.new_asset,
    )


def _python_command(target: str, arguments_descriptor: int | None) -> tuple[str, ...]:
    """Return the command that calls the function in a fresh interpreter, which shares nothing with us."""
    descriptor = () if arguments_descriptor is None else (str(arguments_descriptor),)
    return (sys.executable, "-c", "from statekeep.run_target import main; main()", target, *descriptor)


def _report(descriptor: int, outcome: Outcome) -> None:
    import json

    refusal = outcome.refusal and {"code": outcome.refusal.code, "facts": outcome.refusal.facts}
    with os.fdopen(descriptor, "w") as file:
        json.dump({**outcome._asdict(), "refusal": refusal}, file)


def _parted(given: Sequence[str]) -> tuple[list[str], bool, list[str]]:
    if "--" not in given:
        return list(given), False, []
    at = list(given).index("--")
    return list(given[:at]), True, list(given[at + 1 :])


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of times")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


def _exit_statuses() -> str:
    lines = [f"  {status:<10}{meaning}" for status, meaning in exit_status.MEANINGS]
    return "\n".join(["exit status:", *lines])
