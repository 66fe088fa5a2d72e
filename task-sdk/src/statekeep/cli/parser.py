"""The command's argument parser."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

from ..supervisor.exit_status import USAGE


class Parser(argparse.ArgumentParser):
    """Keeps the layout of descriptions, and leaves the exit status 2 to the commands that are run."""

    def __init__(self, **settings: str) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **settings)  # type: ignore[arg-type]  # typeshed has a type of its own for each of the texts

    def error(self, message: str) -> NoReturn:
        """Print what is wrong with the arguments and exit."""
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"statekeep: {message}\n")


def subcommands(parser: argparse.ArgumentParser) -> Any:
    """Let the parser take one of several subcommands; its name will stand in ``command``."""
    return parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
