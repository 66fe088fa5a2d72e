"""The command's argument parser."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, NoReturn

from ..supervisor.exit_status import USAGE


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the layout of descriptions; knows the terminal's width without importing `shutil` (3 ms)."""

    def __init__(self, prog: str) -> None:
        try:
            columns = os.get_terminal_size().columns
        except OSError:
            columns = 80
        super().__init__(prog, width=columns - 2)


class Parser(argparse.ArgumentParser):
    """Leaves the exit status 2 to the commands that are run."""

    def __init__(self, **settings: str) -> None:
        # mypy: typeshed has a type of its own for each of the texts
        super().__init__(formatter_class=_Help, allow_abbrev=False, **settings)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Print what is wrong with the arguments and exit."""
        # print_usage(None), for a closed stream, would print among the results.
        self._print_message(self.format_usage(), sys.stderr)
        self.exit(USAGE, f"statekeep: {message}\n")


class _Subcommand(Parser):
    """Refuses by itself what it does not know: its caller would show its own usage in place of this one's."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Return the arguments, and nothing that is left of them."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown


def subcommands(parser: argparse.ArgumentParser) -> Any:
    """Let the parser take one of several subcommands; its name will stand in ``command``."""
    return parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Subcommand)
