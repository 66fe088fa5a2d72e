"""`statekeep tries`: what ran, when, and how it went."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .._shared.state import messages as m
from ..supervisor.job import shown
from .access import operator
from .addresses import listed_name
from .parser import subcommands
from .statuses import OF_LISTING
from .table import duration, instant, print_json, print_table

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Sequence

_WITHOUT_DAG = "without --dag, the other filters look among the newest 100,000"
_HEADINGS = ("TASK", "TRY", "STATUS", "STARTED", "TOOK", "EXIT", "REASON", "SUPERVISOR")


def run(parser: ArgumentParser, given: Sequence[str]) -> int:
    """Run `statekeep tries` with these arguments and return the exit status."""
    what = "show the tries, newest first"
    command = subcommands(parser).add_parser("list", help=what, description=what)
    command.description = f"{what}; {_WITHOUT_DAG}"
    command.epilog = OF_LISTING
    command.add_argument("--dag", type=listed_name, metavar="D", help="only of this pipeline")
    command.add_argument("--run", type=listed_name, metavar="R", help="only of this run")
    command.add_argument("--task", type=listed_name, metavar="T", help="only of this task")
    command.add_argument("--map-index", type=int, metavar="N", help="only of this index of a mapped task")
    command.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many (default: 100)")
    command.add_argument("--json", action="store_true", help="for programs")
    arguments = parser.parse_args(given)
    request = m.ListTries(
        arguments.dag, arguments.run, arguments.task, arguments.map_index, limit=arguments.limit
    )
    with operator() as ask:
        tries = ask(request).tries
    if arguments.json:
        print_json([_document(row) for row in tries])
    else:
        now_us = time.time_ns() // 1000
        print_table(_HEADINGS, (_row(row, now_us) for row in tries))
    return 0


def _document(row: m.TryRow) -> dict[str, Any]:
    fields = row._asdict() | {"started_at": instant(row.started_at), "finished_at": instant(row.finished_at)}
    return row.task._asdict() | {name: value for name, value in fields.items() if name != "task"}


def _row(row: m.TryRow, now_us: int) -> tuple[str, ...]:
    took = duration(max(0, (row.finished_at or now_us) - row.started_at) / 1_000_000)
    return (
        shown(row.task),
        str(row.try_number),
        row.status,
        instant(row.started_at) or "-",
        took,
        "-" if row.exit_status is None else str(row.exit_status),
        row.reason or "-",
        row.supervisor,
    )
