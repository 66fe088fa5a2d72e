#!/usr/bin/env python3
"""Compares every vendored copy, link and declaration with its source; `--fix` mends what can be mended.

Exit status: 0 without a fault, 1 with one or more, 2 when it could not be run as asked.
"""

import argparse
import sys
from pathlib import Path

from checking.faults import report

SUBJECT = "vendored copies"


def main(arguments: list[str] | None = None) -> int:
    """Run the check as the command line asks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--fix", action="store_true", help="mend what can be mended, then report what is left"
    )
    parser.add_argument("--quick", action="store_true", help="compare git's index only, reading no file")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="the workspace's folder")
    asked = parser.parse_args(arguments)
    if asked.fix and asked.quick:
        parser.error("--quick reads no file and can mend none; leave one of --fix and --quick out")
    if not asked.root.is_dir():
        parser.error(f"{asked.root} is no folder")
    if asked.quick:
        return _quick(asked.root)
    try:
        return _fix(asked.root) if asked.fix else _check(asked.root)
    except ModuleNotFoundError as error:
        parser.error(f"{error.name} is missing; run it in the development environment: uv run {__file__}")


def _quick(root: Path) -> int:
    from vendoring.identity import identity_faults  # here, as the rest costs ten times what this pass does
    from vendoring.repository import Repository

    return report(list(identity_faults(Repository(root))), SUBJECT)


def _check(root: Path) -> int:
    from vendoring.check import find_faults

    return report(find_faults(root), SUBJECT)


def _fix(root: Path) -> int:
    from vendoring.check import mend_faults
    from vendoring.toml_edits import UneditableError

    try:
        mended, left = mend_faults(root)
    except (OSError, UneditableError) as error:
        print(f"{SUBJECT}: not everything could be mended: {error}", file=sys.stderr)
        return 2
    for fault in mended:
        print(f"mended: {fault.place}: {fault.wrong} [{fault.kind}]: {fault.remedy}")
    return report(left, SUBJECT)


if __name__ == "__main__":
    raise SystemExit(main())
