"""Brings a database to this release's schema: numbered SQL files, applied once each, one server at a time."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from statekeep_core import __version__
from statekeep_core._shared.state.errors import StoreUnusableError
from statekeep_core.metastore.migrate import migrations as numbered

from .connection import connect, place_of
from .failures import translated
from .row_locks import advisory_number

if TYPE_CHECKING:
    import psycopg

    from statekeep_core.metastore.migrate import Migration

_FOLDER = Path(__file__).parent / "migrations"
_COMPATIBLE_FROM = re.compile(r"^-- compatible from: ([0-9]+)$", re.MULTILINE)
_OLDEST_POSTGRESQL = 140_000


class Schema(NamedTuple):
    """What schema a database has, beside the one of this release. 0: it has none yet."""

    version: int
    compatible_from: int
    known_version: int
    written_by_release: str

    @property
    def is_current(self) -> bool:
        """Whether nothing is to be migrated by this release."""
        return self.version >= self.known_version

    @property
    def is_usable(self) -> bool:
        """Whether this release can work on it: on its own, and on newer ones that say so."""
        return self.is_current and self.compatible_from <= self.known_version


def migrations(folder: Path = _FOLDER) -> list[Migration]:
    """Return the steps that this release knows, in order."""
    return numbered(folder)


def check(url: str, known: list[Migration] | None = None) -> Schema:
    """Return what schema the database has. Changes nothing. Raises what :func:`migrate` raises."""
    with translated(place_of(url)), connect(url) as connection:
        return _schema(connection, known or migrations())


def migrate(url: str, known: list[Migration] | None = None) -> Schema:
    """Apply the steps that the database lacks, all or none, and return its schema before.

    Two servers that do this at once do it one after the other. Raises :class:`StoreUnusableError` for a
    schema that this release cannot use, for another program's tables, and for a PostgreSQL that is too old.
    """
    known = known or migrations()
    place = place_of(url)
    with translated(place), connect(url) as connection:
        _require_version(connection, place)
        before = _schema(connection, known)
        if not before.is_current:
            _apply(connection, known, place)
            before = before._replace(compatible_from=0)
        _require_usable(before, place)
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
    _require_usable(schema, place)


def _apply(connection: psycopg.Connection[tuple[Any, ...]], known: list[Migration], place: str) -> None:
    connection.execute("BEGIN; SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = 0")
    connection.execute(f"SELECT pg_advisory_xact_lock({advisory_number('migration')})")
    schema = _schema(connection, known)  # again: another server may have migrated meanwhile
    if schema.version == 0 and _has_tables(connection):
        raise StoreUnusableError(
            what=f"the store {place}",
            problem="the schema has tables of another program",
            remedy="give Statekeep a database, or a schema in the search path, of its own",
        )
    for step in known:
        if step.number > schema.version:
            _apply_step(connection, step)
    connection.execute("COMMIT")


def _apply_step(connection: psycopg.Connection[tuple[Any, ...]], step: Migration) -> None:
    sql = step.path.read_text(encoding="utf-8")
    connection.execute(sql.encode())
    if step.number == 1:
        connection.execute(
            "INSERT INTO store VALUES (1, %s, 1, 1, %s, 0)", (os.urandom(16).hex(), __version__)
        )
    said = _COMPATIBLE_FROM.search(sql)
    connection.execute(
        "UPDATE store SET schema_version = %s, compatible_from = %s, written_by_release = %s",
        (step.number, int(said[1]) if said else step.number, __version__),
    )


def _schema(connection: psycopg.Connection[tuple[Any, ...]], known: list[Migration]) -> Schema:
    newest = known[-1].number
    # Not to_regclass: what that has once not found, it goes on not finding until the transaction ends.
    there = "SELECT 1 FROM pg_tables WHERE tablename = 'store' AND schemaname = ANY (current_schemas(false))"
    if connection.execute(there).fetchone() is None:
        return Schema(0, 0, newest, "")
    [row] = connection.execute(
        "SELECT schema_version::int, compatible_from::int, written_by_release FROM store"
    ).fetchall()
    version, compatible_from, release = row
    return Schema(version, compatible_from, newest, release)


def _require_usable(schema: Schema, place: str) -> None:
    if schema.compatible_from > schema.known_version:
        raise StoreUnusableError(
            what=f"the store {place}",
            problem=f"its schema is version {schema.version}, and this release knows up to"
            f" {schema.known_version}",
            remedy=f"install statekeep-core {schema.written_by_release} or newer",
        )


def _require_version(connection: psycopg.Connection[tuple[Any, ...]], place: str) -> None:
    if connection.info.server_version < _OLDEST_POSTGRESQL:
        raise StoreUnusableError(
            what=f"the store {place}",
            problem=f"it is PostgreSQL {connection.info.server_version // 10_000}",
            remedy="use PostgreSQL 14 or newer",
        )


def _has_tables(connection: psycopg.Connection[tuple[Any, ...]]) -> bool:
    found = connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = current_schema() LIMIT 1")
    return found.fetchone() is not None
