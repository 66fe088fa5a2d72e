"""The SDK's settings: its options, each described once, and how they are loaded.

Values come from, strongest first: the command line, the environment, the file `statekeep.toml`, the default.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ._shared.settings import (
    Choice,
    ClassPath,
    Examined,
    Fault,
    ListOf,
    Option,
    Row,
    Seconds,
    Section,
    SettingsError,
    config_file,
    examine,
    rows,
)
from .api_options import Api
from .backend_options import Encryption, ObjectStore
from .tracing_options import Tracing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Protocol

    Triple = tuple[str, str, str]

    class Neighbour(Protocol):
        """What another distribution offers under the entry point group `statekeep.settings`: plain data only.

        Its copy of the settings code may be older or newer than this one, so no object with behaviour
        crosses.
        """

        def faults(self, environ: Mapping[str, str], overrides: Mapping[str, str]) -> list[Triple]: ...
        def rows(self, environ: Mapping[str, str], overrides: Mapping[str, str]) -> list[Triple]: ...


__all__ = [
    "SECTIONS",
    "Api",
    "Row",
    "Settings",
    "SettingsError",
    "Tracing",
    "Workers",
    "load",
    "load_section",
    "process_environment",
    "settings_error",
    "settings_rows",
    "task_environment",
]

S = TypeVar("S", bound=Section)

NEIGHBOURS = "statekeep.settings"
A_DAY_SECONDS = 86_400


class Workers(Section, section="workers"):
    """What a supervisor does on the machine where tasks run."""

    state_backend = Option(
        ClassPath(optional=True),
        default="",
        example="my_company.state.BucketBackend",
        description="The class that keeps values in the worker's own storage, so that only a reference "
        "reaches the store. With nothing, values go to the store itself.",
        added="0.1.0",
    )
    read_backends = Option(
        ListOf(ClassPath()),
        default=(),
        example=("my_company.state.OldBucketBackend",),
        description="Further classes that are asked for values that were written through them earlier.",
        added="0.1.0",
    )
    on_lease_lost = Option(
        Choice("stop", "continue"),
        default="stop",
        example="continue",
        description="What happens to the task when another try has taken over: it is stopped, or it goes on "
        "and every read and write of state is refused.",
        added="0.1.0",
    )
    lease_seconds = Option(
        Seconds(minimum=1, maximum=A_DAY_SECONDS),
        default=60.0,
        example=120.0,
        description="How long a try counts as alive after it was last heard of. "
        "It reports every third of that.",
        added="0.1.0",
    )
    stop_grace_seconds = Option(
        Seconds(minimum=0, maximum=A_DAY_SECONDS),
        default=10.0,
        example=30.0,
        description="How long a task that is being stopped has between SIGTERM and SIGKILL.",
        added="0.1.0",
    )


ALWAYS_LOADED: tuple[type[Section], ...] = (Api, Workers, Tracing)
SECTIONS: tuple[type[Section], ...] = (*ALWAYS_LOADED, ObjectStore, Encryption)


class Settings(NamedTuple):
    """The SDK's settings, loaded: one attribute per section, and on it one per option. Immutable.

    Those of the backends that Statekeep brings along are loaded by `load_section`.
    """

    api: Api
    workers: Workers
    tracing: Tracing


def process_environment() -> Mapping[str, str]:
    """The environment of this process. Nothing else in Statekeep reads it."""
    return os.environ


def load(environ: Mapping[str, str] | None = None, overrides: Mapping[str, str] | None = None) -> Settings:
    """The settings as they stand now; `environ` is this process's unless given.

    `overrides` are texts from the command line by `section.name`. Raises `SettingsError` with everything
    that is wrong, the options of other installed distributions included, and loads nothing then.
    """
    environ, overrides = given_or_own(environ, overrides)
    examined = examine_own(ALWAYS_LOADED, environ, overrides)
    return Settings(
        api=examined.section(Api), workers=examined.section(Workers), tracing=examined.section(Tracing)
    )


def load_section(wanted: type[S], environ: Mapping[str, str] | None = None) -> S:
    """One section as it stands now. Raises `SettingsError` as `load` does."""
    environ, overrides = given_or_own(environ, None)
    return examine_own((wanted,), environ, overrides).section(wanted)


def task_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment that a task gets: without its worker's credential, or where that is found."""
    return {name: text for name, text in environ.items() if name not in Api.credential.variables}


def settings_rows(
    environ: Mapping[str, str] | None = None, overrides: Mapping[str, str] | None = None
) -> list[Row]:
    """What `statekeep config list` shows: every option of every distribution, its value, its source.

    Sensitive values are masked. Raises `SettingsError` with everything that is wrong.
    """
    environ, overrides = given_or_own(environ, overrides)
    examined = examine_own(SECTIONS, environ, overrides)
    listed = list(rows(examined.loaded.values()))
    for neighbour in neighbours():
        listed += [Row(*row) for row in neighbour.rows(environ, overrides)]
    return listed


def settings_error(faults: Iterable[Triple]) -> SettingsError:
    """The error for another distribution's faults, whose own copy of the class nobody here would catch."""
    return SettingsError(Fault(*fault) for fault in faults)


def given_or_own(
    environ: Mapping[str, str] | None, overrides: Mapping[str, str] | None
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The arguments with their defaults."""
    return process_environment() if environ is None else environ, overrides or {}


def examine_own(
    wanted: tuple[type[Section], ...], environ: Mapping[str, str], overrides: Mapping[str, str]
) -> Examined:
    """Examine the options of these sections of the SDK's, and the names in all of its own.

    Installed alone, it cannot know all the others' sections. Raises `SettingsError` with everything that is
    wrong.
    """
    path = config_file(environ)
    unread = tuple(section for section in SECTIONS if section not in wanted)
    examined = examine(wanted, environ=environ, overrides=overrides, path=path, others=None, unread=unread)
    if examined.faults:
        raise SettingsError([*examined.faults, *neighbours_faults(environ, overrides)])
    return examined


def neighbours_faults(environ: Mapping[str, str], overrides: Mapping[str, str]) -> list[Fault]:
    """What other installed distributions find wrong with their own options."""
    return [Fault(*fault) for neighbour in neighbours() for fault in neighbour.faults(environ, overrides)]


def neighbours() -> Iterator[Neighbour]:
    """The other distributions that have settings. Valid ones are loaded without this: it costs 30 ms."""
    from importlib.metadata import entry_points

    for entry_point in entry_points(group=NEIGHBOURS):
        yield entry_point.load()
