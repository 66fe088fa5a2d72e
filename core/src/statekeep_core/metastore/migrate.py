"""Brings a store's schema to this release: numbered SQL files, applied once each, in one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from statekeep_core import __version__
from statekeep_core._shared.state.errors import StoreUnusableError

from .store_identity import new_id

if TYPE_CHECKING:
    import apsw

# "STKP": tells a Statekeep store from another program's SQLite file.
APPLICATION_ID = 0x53_54_4B_50
# "STKB": a backup. Nothing opens it as a store before it has an id of its own, so that no restored backup
# deletes objects that were written after it was made.
BACKUP_ID = 0x53_54_4B_42
_FOLDER = Path(__file__).parent / "migrations"
_SINCE = "-- since: "


class Migration(NamedTuple):
    """One step: the schema version that it leads to, and the file that holds its SQL."""

    number: int
    path: Path


def migrations(folder: Path = _FOLDER) -> list[Migration]:
    """Return the steps that this release knows, in order."""
    return sorted(Migration(int(path.name[:4]), path) for path in folder.glob("[0-9]*.sql"))


def release_of(step: Migration) -> str:
    """Return the release that a step came with: the oldest that knows its schema, which the store keeps.

    An older release names it when it refuses the store, whichever release has applied the step.
    """
    lines = step.path.read_text(encoding="utf-8").splitlines()
    said = [line.removeprefix(_SINCE) for line in lines if line.startswith(_SINCE)]
    return said[0] if said else __version__


def is_current(connection: apsw.Connection, path: Path, known: list[Migration]) -> bool:
    """Return whether the store has this release's schema; False for a new file, too.

    Raises :class:`StoreUnusableError` for a newer schema, another program's database, and a backup.
    """
    if is_backup(connection):
        raise StoreUnusableError(
            what=f"the store {path}",
            problem="it is a backup, and a copy must not pass for the store that it was made of",
            remedy="make it a store of its own with `statekeep db renew-id`",
        )
    return version_of(connection, path, known) == known[-1].number


def is_backup(connection: apsw.Connection) -> bool:
    """Return whether the file was made by `statekeep db backup` and is no store of its own yet."""
    return bool(connection.pragma("application_id") == BACKUP_ID)


def version_of(connection: apsw.Connection, path: Path, known: list[Migration]) -> int:
    """Return the schema's version, of a backup, too; 0 for a new file.

    Raises :class:`StoreUnusableError` for a newer schema, and for another program's database.
    """
    version = int(connection.pragma("user_version"))
    is_ours = connection.pragma("application_id") in (APPLICATION_ID, BACKUP_ID)
    if not is_ours and (version or _has_tables(connection)):
        raise StoreUnusableError(
            what=f"the store {path}",
            problem="the file is another program's SQLite database",
            remedy="point [database] url to a file of its own",
        )
    if version > known[-1].number:
        release = connection.execute("SELECT written_by_release FROM store").get
        raise StoreUnusableError(
            what=f"the store {path}",
            problem=f"its schema is version {version}, and this release knows up to {known[-1].number}",
            remedy=f"install statekeep-core {release} or newer",
        )
    return version


def migrate(connection: apsw.Connection, known: list[Migration]) -> None:
    """Apply the steps that the store lacks, under the caller's write lock; a crash leaves the old schema."""
    with connection:
        version = connection.pragma("user_version")
        for step in known:
            if step.number > version:
                connection.execute(step.path.read_text(encoding="utf-8"))
                connection.pragma("user_version", step.number)
        if version == 0:
            connection.pragma("application_id", APPLICATION_ID)
            connection.execute("INSERT INTO store VALUES (1, ?, 0, '', 0)", (new_id(),))
        connection.execute("UPDATE store SET written_by_release = ?", (release_of(known[-1]),))
    if version:
        log_migrated(version, known[-1].number)


def log_migrated(before: int, after: int) -> None:
    """Tell the log that a store has another schema now."""
    import logging  # a store that is not migrated does not pay for it

    extra = {"event": "migrated", "fields": {"from_schema": before, "to_schema": after}}
    logging.getLogger(__name__).info("the store is migrated", extra=extra)


def _has_tables(connection: apsw.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_schema").get)
