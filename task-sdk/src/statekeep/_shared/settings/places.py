"""Where a user's files lie: the XDG base directories on Linux, the Library folder on macOS."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "statekeep"
FILE_NAME = "statekeep.toml"
FILE_VARIABLE = "STATEKEEP_CONFIG"
LIBRARY = "Library/Application Support"


def home_directory(environ: Mapping[str, str]) -> str:
    """The user's home directory: `HOME`, else the password database. `ValueError` when neither knows one."""
    home = environ.get("HOME", "")
    if home.startswith("/"):
        return home
    import os  # these two only where HOME is missing
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        raise ValueError("there is no home directory: set HOME") from None


def config_file(environ: Mapping[str, str], platform: str = sys.platform) -> str | None:
    """The one file that settings are read from; it need not exist. None when there is no home to look in.

    `STATEKEEP_CONFIG` names it, and set to nothing it means "no file". The current directory is not looked
    in: the same job, started from elsewhere, would find another store and begin from nothing, and a file
    that came with somebody's checkout would choose which class is loaded.
    """
    named = environ.get(FILE_VARIABLE)
    if named is not None:
        return named or None
    try:
        return f"{user_directory(environ, 'XDG_CONFIG_HOME', '.config', platform)}/{FILE_NAME}"
    except ValueError:
        return None


def data_directory(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """The directory for what Statekeep keeps; it need not exist. `ValueError` without a home directory."""
    return user_directory(environ, "XDG_DATA_HOME", ".local/share", platform)


def user_directory(environ: Mapping[str, str], variable: str, under_home: str, platform: str) -> str:
    """Statekeep's folder under the variable's directory, else under its usual place in the home directory."""
    if platform == "darwin":
        return f"{home_directory(environ)}/{LIBRARY}/{FOLDER}"
    chosen = environ.get(variable, "")
    if chosen.startswith("/"):  # the XDG specification: a relative path is invalid and is ignored
        return f"{chosen.rstrip('/')}/{FOLDER}"
    return f"{home_directory(environ)}/{under_home}/{FOLDER}"
