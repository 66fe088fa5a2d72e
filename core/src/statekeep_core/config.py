"""The store's settings: its options, each described once, and how they are loaded.

The file, the environment and the order of sources are those of `statekeep.config`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from statekeep.config import SECTIONS as SDK_SECTIONS
from statekeep.config import SettingsError, settings_error

from ._shared.settings import (
    Boolean,
    Computed,
    Examined,
    Integer,
    Kind,
    Option,
    Section,
    absolute_path,
    config_file,
    data_directory,
    examine,
    without_password,
)
from ._shared.settings import rows as section_rows
from .server_options import Server

if TYPE_CHECKING:
    from collections.abc import Mapping

    Triple = tuple[str, str, str]

__all__ = [
    "SECTIONS",
    "Database",
    "Server",
    "Settings",
    "SettingsError",
    "StateStore",
    "faults",
    "is_postgresql",
    "load",
    "rows",
    "sqlite_path",
]

SQLITE = "sqlite:///"
POSTGRESQL = "postgresql://"
# User and hosts may be left to libpq, and the path is the name of a database.
_POSTGRESQL_URL = re.compile(r"postgres(?:ql)?://(?P<rest>[^/?#\s]*/[^/?#\s]+(?:\?[^#\s]*)?)")
_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
A_CENTURY_DAYS = 36_500


class StoreUrl(Kind[str]):
    """Where the metastore is: a SQLite file, as a URL or as a plain path, or a database of PostgreSQL.

    In its final form always a URL. A path in the URL must be absolute, which makes four slashes. With three,
    some readers take it for relative, and a relative one would name another store whenever the job starts
    from another directory. A database must be named: else libpq takes one that is called as the user is.
    """

    expected = (
        "an absolute path, with or without sqlite:/// before it (sqlite:////var/lib/statekeep/state.db), "
        "or a database of PostgreSQL (postgresql://user@host/database)"
    )

    def check(self, value: object, environ: Mapping[str, str]) -> str:
        if type(value) is not str:
            raise ValueError
        if value.startswith(("postgresql:", "postgres:")):
            found = _POSTGRESQL_URL.fullmatch(value)
            if found is None or _BAD_ESCAPE.search(value):
                raise ValueError
            return POSTGRESQL + found["rest"]
        path = absolute_path(value.removeprefix(SQLITE), environ)
        if path.endswith("/"):
            raise ValueError
        return SQLITE + path

    def hide(self, value: str) -> str:
        return without_password(value)


def default_store(environ: Mapping[str, str]) -> str:
    """The embedded store's URL under the user's data directory."""
    return f"{SQLITE}{data_directory(environ)}/state.db"


class Database(Section, section="database"):
    """The metastore."""

    url = Option(
        StoreUrl(),
        default=Computed(
            "`state.db` under `$XDG_DATA_HOME/statekeep/` (usually `~/.local/share/statekeep/`); "
            "on macOS under `~/Library/Application Support/statekeep/`",
            default_store,
        ),
        example="sqlite:////var/lib/statekeep/state.db",
        description="The SQLite file that holds the state, as a URL or as a path; it is made on first use. "
        "`statekeep server` takes a database of PostgreSQL, too: `postgresql://user:password@host/database`.",
        added="0.1.0",
        sensitive=True,
    )


class StateStore(Section, section="state_store"):
    """What the store keeps, and for how long."""

    default_retention_days = Option(
        Integer(minimum=0, maximum=A_CENTURY_DAYS),
        default=30,
        example=90,
        description="How long task state is kept after the task's success, where no retention was asked for. "
        "0 keeps it for ever. Asset state is never removed for its age.",
        added="0.1.0",
    )
    abandoned_days = Option(
        Integer(minimum=0, maximum=A_CENTURY_DAYS),
        default=365,
        example=730,
        description="How long the state of a task that did not succeed is kept after its last try. "
        "0 keeps it for ever.",
        added="0.1.0",
    )
    asset_history_versions = Option(
        Integer(minimum=1, maximum=1_000_000),
        default=20,
        example=100,
        description="How many versions of each key of an asset are kept, the present one included.",
        added="0.1.0",
    )
    max_value_bytes = Option(
        # Half of a frame, so that every value that is taken can be told.
        Integer(minimum=1, maximum=33_554_432),
        default=65_536,
        example=1_048_576,
        description="The largest value that the store takes, in bytes of its JSON text.",
        added="0.1.0",
    )
    clear_on_success = Option(
        Boolean(),
        default=False,
        example=True,
        description="Whether a task's own state is removed in the transaction that records its success.",
        added="0.1.0",
    )
    orphan_grace_days = Option(
        Integer(minimum=0, maximum=A_CENTURY_DAYS),
        default=30,
        example=7,
        description="How long the state of a deactivated asset can still be restored.",
        added="0.1.0",
    )


SECTIONS: tuple[type[Section], ...] = (Database, StateStore, Server)


class Settings(NamedTuple):
    """The store's settings, loaded: one attribute per section, and on it one per option. Immutable."""

    database: Database
    state_store: StateStore
    server: Server


def load(environ: Mapping[str, str], overrides: Mapping[str, str] | None = None) -> Settings:
    """The settings as `environ` and the file that it leads to have them.

    `overrides` are texts from the command line by `section.name`. Raises
    `statekeep.config.SettingsError` with everything that is wrong, and loads nothing then.
    """
    examined = examine_own(environ, overrides or {})
    if examined.faults:
        raise settings_error(triples(examined))
    return Settings(
        database=examined.section(Database),
        state_store=examined.section(StateStore),
        server=examined.section(Server),
    )


def is_postgresql(url: str) -> bool:
    """Whether a loaded `[database] url` names a database of PostgreSQL."""
    return url.startswith(POSTGRESQL)


def sqlite_path(url: str) -> str:
    """The file's path in a loaded `[database] url` that names a file."""
    return url.removeprefix(SQLITE)


def examine_own(environ: Mapping[str, str], overrides: Mapping[str, str]) -> Examined:
    """Examine the store's own options. The SDK is always here, so a section that neither knows is a fault."""
    others = tuple(section.section for section in SDK_SECTIONS)
    path = config_file(environ)
    return examine(SECTIONS, environ=environ, overrides=overrides, path=path, others=others)


def faults(environ: Mapping[str, str], overrides: Mapping[str, str]) -> list[Triple]:
    """What is wrong with the store's options. `statekeep.config` calls it, by entry point."""
    return triples(examine_own(environ, overrides))


def triples(examined: Examined) -> list[Triple]:
    """The faults as plain data."""
    return [(fault.option, fault.source, fault.problem) for fault in examined.faults]


def rows(environ: Mapping[str, str], overrides: Mapping[str, str]) -> list[Triple]:
    """The store's options as they stand. `statekeep.config` calls it, by entry point."""
    return [(row.option, row.value, row.source) for row in section_rows(load(environ, overrides))]
