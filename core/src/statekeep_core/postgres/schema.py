"""What schema a database has, and whether this release can use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from statekeep_core._shared.state.errors import StoreUnusableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from statekeep_core.metastore.migrate import Migration


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


def schema_of(connection: psycopg.Connection[tuple[Any, ...]], known: Sequence[Migration]) -> Schema:
    """Return the schema that a connection finds."""
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


def require_usable(schema: Schema, place: str) -> None:
    """Raise :class:`StoreUnusableError` for a schema that is too new for this release."""
    if schema.compatible_from > schema.known_version:
        raise StoreUnusableError(
            what=f"the store {place}",
            problem=f"its schema is version {schema.version}, and this release knows up to"
            f" {schema.known_version}",
            remedy=f"install statekeep-core {schema.written_by_release} or newer",
        )
