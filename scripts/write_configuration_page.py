#!/usr/bin/env python3
"""Write docs/reference/configuration.md from the descriptions of the options. Run it after changing one."""

import sys
from pathlib import Path

import statekeep.config
import statekeep_core.config
from statekeep._shared.settings import reference_page as sdk_reference
from statekeep_core._shared.settings import reference_page as core_reference

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "configuration.md"

INTRODUCTION = """\
# Configuration

Written by `scripts/write_configuration_page.py` from the descriptions in the code; do not edit it here.

An option is `[section] name` in the file `statekeep.toml`, or `STATEKEEP__SECTION__NAME` in the
environment. The command line beats the environment, the environment beats the file, the file beats the
default. Nothing needs to be set: with no file and no variable, state is kept in one SQLite file in your
home directory.

The file is the one that `STATEKEEP_CONFIG` names (set to nothing: no file), otherwise
`$XDG_CONFIG_HOME/statekeep/statekeep.toml` (usually `~/.config/statekeep/statekeep.toml`; on macOS
`~/Library/Application Support/statekeep/statekeep.toml`). It is never looked for in the current
directory: the same job, started from another directory, would find another store and begin from nothing.

A sensitive option can also be given by `STATEKEEP__SECTION__NAME_CMD`, a command that prints it (run
without a shell), or `STATEKEEP__SECTION__NAME_FILE`, a file that holds it; a newline at the end is
dropped.

Every value is checked when a command starts. If any is wrong, or a name is unknown, all of them are
reported at once and nothing is run. `statekeep config list` shows each option, its value, and where the
value came from.
"""


def page() -> str:
    """The whole page: the introduction, the SDK's sections, the store's."""
    ours = sdk_reference(INTRODUCTION, statekeep.config.SECTIONS)
    return core_reference(ours, statekeep_core.config.SECTIONS)


if __name__ == "__main__":
    if sys.argv[1:] == ["--print"]:
        sys.stdout.write(page())
    else:
        PAGE.write_text(page())
