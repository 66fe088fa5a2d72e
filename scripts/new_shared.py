#!/usr/bin/env python3
"""Makes a new shared distribution and wires it into the workspace and into every consumer that is named.

Exit status: 0 when it is made, 2 when it was refused; then nothing has changed.
"""

import argparse
import sys
from pathlib import Path

from vendoring.scaffold import ScaffoldError, add_shared


def main(arguments: list[str] | None = None) -> int:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="the folder's and the module's name, like `settings`")
    parser.add_argument(
        "--into", action="append", default=[], metavar="CONSUMER", help="task-sdk, core; repeatable"
    )
    parser.add_argument("--description", help="one sentence: what it holds")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="the workspace's folder")
    asked = parser.parse_args(arguments)
    description = asked.description or f"The shared distribution {asked.name}. Vendored, never published."
    try:
        add_shared(asked.root, asked.name, description, asked.into)
    except (ScaffoldError, OSError) as error:
        print(f"new_shared: nothing was made: {error}", file=sys.stderr)
        return 2
    print(f"shared/{asked.name} is made, with a first test; `uv sync` installs it")
    for folder in asked.into:
        print(f"{folder} vendors it: import it there from its `_shared`")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
