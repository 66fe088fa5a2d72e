"""A release before a store that a newer one has made: what it cannot use it refuses, and names what can."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from packaging.version import Version

from smoke.environments import SmokeError
from smoke.main_job import SUPERVISED

if TYPE_CHECKING:
    from smoke.environments import Environment

_ENGINES = ("metastore", "postgres")
_VERSION = "from statekeep_core import __version__\nprint(__version__)"
_COUNT = "from statekeep_core.{}.migrate import migrations\nprint(len(migrations()))"
_RELEASES = (
    "from statekeep_core.metastore.migrate import release_of\n"
    "from statekeep_core.{}.migrate import migrations\n"
    "print(*map(release_of, migrations()))"
)


class Steps(NamedTuple):
    """The steps of one engine that only the newer release has: which release each came with."""

    engine: str
    added_in: list[Version]


def expect_newer_steps_to_name_newer_releases(older: Environment, newer: Environment) -> None:
    """A step that an installed release lacks came with a later one. Raises `SmokeError`."""
    version = Version(older.output_of_code(_VERSION))
    for steps in _missing_steps(older, newer):
        if any(release <= version for release in steps.added_in):
            raise SmokeError(
                f"a step of {steps.engine} says that it came with {min(steps.added_in)},"
                f" and {version} lacks it; give this release, and the step, a higher version"
            )


def expect_a_refusal_that_names_the_release(older: Environment, newer: Environment) -> None:
    """The older release refuses the newer one's file, says what to install, and does no harm."""
    file, _ = _missing_steps(older, newer)
    settings = {"STATEKEEP__DATABASE__URL": str(newer.folder / "newer" / "state.db")}
    newer.output_of(*SUPERVISED, "nothing", "--", "true", variables=settings)
    refused = older.run(*SUPERVISED, "another", "--", "true", variables=settings)
    if not file.added_in:
        if refused.returncode != 0:
            raise SmokeError(f"a file of the same schema was refused:\n{refused.stderr}")
        return
    remedy = f"install statekeep-core {file.added_in[-1]} or newer"
    if refused.returncode == 0 or remedy not in refused.stderr:
        raise SmokeError(f"instead of `{remedy}`, the older release said:\n{refused.stderr}")
    newer.output_of(*SUPERVISED, "another", "--", "true", variables=settings)


def _missing_steps(older: Environment, newer: Environment) -> list[Steps]:
    missing = []
    for engine in _ENGINES:
        count = int(older.output_of_code(_COUNT.format(engine)))
        releases = newer.output_of_code(_RELEASES.format(engine)).split()
        missing.append(Steps(engine, [Version(release) for release in releases[count:]]))
    return missing
