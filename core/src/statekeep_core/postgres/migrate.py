"""Brings a database to this release's schema: numbered SQL files, applied once each, one server at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from statekeep_core._shared.state.errors import StoreUnusableError
from statekeep_core.metastore.migrate import log_migrated
from statekeep_core.metastore.migrate import migrations as numbered

from . import schema as schemas
from . import sessions, steps
from .connection import connect, place_of
from .failures import translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from statekeep_core.metastore.migrate import Migration

    from .schema import Schema

_FOLDER = Path(__file__).parent / "migrations"


def migrations(folder: Path = _FOLDER) -> list[Migration]:
    """Return the steps that this release knows, in order."""
    return numbered(folder)


def check(url: str, known: list[Migration] | None = None) -> Schema:
    """Return what schema the database has. Changes nothing.

    Raises :class:`StoreUnusableError` for a PostgreSQL that is too old, for a database that cannot be
    entered, and for a pooler that shares sessions, and :class:`UnavailableError`. Whether this release can
    use the schema is not judged.
    """
    place = place_of(url)
    with translated(place), connect(url) as connection:
        sessions.require_own(connection, url, place)
        return schemas.schema_of(connection, known or migrations())


def migrate(
    url: str,
    known: list[Migration] | None = None,
    *,
    patience_seconds: float = steps.PATIENCE_SECONDS,
    say: Callable[[str], None] = lambda _why: None,
) -> Schema:
    """Apply the steps that the database lacks, and return its schema before. Servers may use it meanwhile.

    Two servers that do this at once do it one after the other. Raises :class:`StoreUnusableError` for a
    schema that this release cannot use, for another program's tables, and for a PostgreSQL that is too old;
    :class:`UnavailableError` when others used the tables for so long, or servers are connected that cannot
    work on the new schema. ``say`` is told what is waited for. Steps that were applied by then stay.
    """
    known = known or migrations()
    place = place_of(url)
    before = after = check(url, known)
    if not before.is_current:
        with translated(place):
            after = steps.apply_steps(url, known, place, patience_seconds=patience_seconds, say=say)
        log_migrated(before.version, after.version)
    schemas.require_usable(after, place)
    return before


def require_usable(url: str) -> None:
    """Raise :class:`StoreUnusableError` unless this release can work on the database as it is."""
    place = place_of(url)
    schema = check(url)
    if not schema.is_current:
        raise StoreUnusableError(
            what=f"the store {place}",
            problem=f"its schema is version {schema.version}, and this release needs {schema.known_version}",
            remedy="run `statekeep db migrate`",
        )
    schemas.require_usable(schema, place)
