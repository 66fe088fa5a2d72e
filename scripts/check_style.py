#!/usr/bin/env python3
"""Checks what the style asks for and no linter knows: sizes, names, habits, addresses of one machine.

Exit status: 0 without a fault, 1 with one or more, 2 when it could not be run as asked.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from checking.faults import Fault, report
from checking.python_source import UnparsableSourceError
from style.addresses import address_faults
from style.exemptions import Exemption, without_exempted
from style.habits import habit_faults
from style.names import name_faults
from style.sizes import Limits, size_faults
from style.source_file import NotARepositoryError, source_files

LIMITS = Limits()

# Who may read the environment, and why not through the settings.
ENVIRONMENT_READERS = {
    "task-sdk/src/statekeep/config.py": "the one place: it hands the environment to everybody else",
    "task-sdk/src/statekeep/channel/address.py": "a task finds its supervisor before it loads settings",
}

EXEMPTIONS = (
    Exemption(
        "init-code",
        "shared/state/src/statekeep_shared/state/__init__.py",
        "scopes are dataclasses, whose import takes 8 ms, and are imported when first used",
    ),
    Exemption(
        "init-code",
        "task-sdk/src/statekeep/__init__.py",
        "names are imported when first used, so that a task process pays only for what it needs",
    ),
    Exemption(
        "init-code",
        "task-sdk/src/statekeep/backends/__init__.py",
        "each backend is imported when first used, so that a task pays for its own only",
    ),
    Exemption(
        "long-file",
        "shared/state/src/statekeep_shared/state/messages.py",
        "a table of what crosses between processes, which is to be read in one place",
    ),
    Exemption(
        "wide-class",
        "core/tests/execution_api/test_objects_against_model.py",
        "the rules of one state machine, a method for each thing that can happen",
    ),
)


def style_faults(root: Path) -> Iterator[Fault]:
    """The faults of every file below `root` that git has or would take."""
    data = "scripts/check_style.py"
    yield from without_exempted(_all_faults(root), EXEMPTIONS, data)


def _all_faults(root: Path) -> Iterator[Fault]:
    for file in source_files(root):
        yield from address_faults(file)
        if not file.is_python:
            continue
        try:
            yield from (
                *size_faults(file, LIMITS),
                *name_faults(file),
                *habit_faults(file, ENVIRONMENT_READERS),
            )
        except UnparsableSourceError as error:
            yield Fault(
                "unparsable", f"{file.place}:{error.line}", f"cannot be parsed: {error.reason}", "repair it"
            )


def main(arguments: list[str] | None = None) -> int:
    """Run the check as the command line asks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="the workspace's folder")
    asked = parser.parse_args(arguments)
    try:
        return report(list(style_faults(asked.root)), "style")
    except NotARepositoryError as error:
        parser.error(str(error))


if __name__ == "__main__":
    raise SystemExit(main())
