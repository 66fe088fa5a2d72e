"""`statekeep config`: the settings as they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import config
from .parser import subcommands
from .statuses import OF_LISTING
from .table import print_json, print_table

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Sequence


def run(parser: ArgumentParser, given: Sequence[str]) -> int:
    """Run `statekeep config` with these arguments and return the exit status."""
    what = "show every option, its value, and where that comes from"
    command = subcommands(parser).add_parser("list", help=what, description=what)
    command.epilog = OF_LISTING
    command.add_argument("--json", action="store_true", help="for programs")
    arguments = parser.parse_args(given)
    rows = config.settings_rows()
    if arguments.json:
        print_json([row._asdict() for row in rows])
    else:
        print_table(("OPTION", "VALUE", "SOURCE"), rows)
    return 0
