"""Applies the steps of a schema to a database that servers use meanwhile: each waits briefly, and again.

Whoever asks for a table waits behind a step that waits for it. So a step waits for half a second, which is
before PostgreSQL looks for deadlocks; then it lets the others go on for a while and begins again.
"""

from __future__ import annotations

import os
import random
import re
import time
from typing import TYPE_CHECKING, Any

from psycopg import errors as pg

from statekeep_core._shared.state.errors import StoreUnusableError, UnavailableError
from statekeep_core.metastore.migrate import release_of

from .connection import SERVER_NAME, connect_patiently
from .row_locks import advisory_number
from .schema import schema_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psycopg

    from statekeep_core.metastore.migrate import Migration

    from .schema import Schema

    Connection = psycopg.Connection[tuple[Any, ...]]

# What the servers of a database wait for in silence, before they say so and begin again.
PATIENCE_SECONDS = 10.0

_LOCK_MILLISECONDS = 500
_PAUSE_SECONDS = 2.0
_PAUSE_BESIDE_ANOTHER_SECONDS = 0.1
_BEGIN = f"BEGIN; SET LOCAL lock_timeout = {_LOCK_MILLISECONDS}; SET LOCAL statement_timeout = 0"
_COMPATIBLE_FROM = re.compile(r"^-- compatible from: ([0-9]+)$", re.MULTILINE)
_HELD = "SELECT pg_try_advisory_xact_lock(%s)"
_SERVERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"
)
_OLDEST_TRANSACTION = """
SELECT pid, application_name, to_char(xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
ORDER BY xact_start LIMIT 1
"""


class NotNowError(Exception):
    """A step cannot be applied now; nothing of it was. The message says why."""

    def __init__(self, why: str, pause_seconds: float) -> None:
        super().__init__(why)
        self.pause_seconds = pause_seconds


def apply_steps(
    url: str,
    known: Sequence[Migration],
    place: str,
    *,
    patience_seconds: float = PATIENCE_SECONDS,
    say: Callable[[str], None] = lambda _why: None,
    pause: Callable[[float], object] = time.sleep,
) -> Schema:
    """Apply the steps that the database lacks, each in a transaction of its own, and return its schema then.

    One that fails, or whose process is killed, leaves nothing of itself, and those before it; the next call
    goes on there. ``say`` is told, before each pause, what is waited for. Raises :class:`UnavailableError`
    when it was in vain for so long, and :class:`StoreUnusableError` for another program's tables.
    """
    give_up_at = time.monotonic() + patience_seconds
    with connect_patiently(url) as connection:
        for step in known:
            while True:
                try:
                    _apply(connection, step, known, place)
                except NotNowError as waiting:
                    if time.monotonic() > give_up_at:
                        raise UnavailableError(what=f"the store {place}", problem=str(waiting)) from None
                    say(str(waiting))
                    pause(random.uniform(0.5, 1.5) * waiting.pause_seconds)  # noqa: S311 -- no secret
                else:
                    break
        return schema_of(connection, known)


def compatible_from(step: Migration) -> int:
    """Return the schema of the oldest release whose servers can work on what the step leaves."""
    said = _COMPATIBLE_FROM.search(step.path.read_text(encoding="utf-8"))
    return int(said[1]) if said else step.number


def servers_can_go_on(schema: Schema, known: Sequence[Migration]) -> bool:
    """Return whether servers that know this schema, and no newer one, work on after all missing steps."""
    missing = [step for step in known if step.number > schema.version]
    return schema.version > 0 and all(compatible_from(step) <= schema.version for step in missing)


def _apply(connection: Connection, step: Migration, known: Sequence[Migration], place: str) -> None:
    connection.execute(_BEGIN)
    try:
        _apply_here(connection, step, known, place)
        connection.execute("COMMIT")
    except (pg.LockNotAvailable, pg.DeadlockDetected):
        connection.execute("ROLLBACK")
        raise NotNowError(_in_use(connection), _PAUSE_SECONDS) from None
    except Exception:
        if not connection.closed:
            connection.execute("ROLLBACK")
        raise


def _apply_here(connection: Connection, step: Migration, known: Sequence[Migration], place: str) -> None:
    # Tried, and not waited for: others who wait for it are not to be silent meanwhile.
    [(is_ours,)] = connection.execute(_HELD, (advisory_number("migration"),)).fetchall()
    if not is_ours:
        raise NotNowError("another server is migrating it", _PAUSE_BESIDE_ANOTHER_SECONDS)
    schema = schema_of(connection, known)
    if schema.version >= step.number:
        return
    if schema.version == 0:
        _require_no_tables(connection, place)
    elif compatible_from(step) > schema.version:
        _require_no_servers(connection, schema)
    connection.execute(step.path.read_text(encoding="utf-8").encode())
    if step.number == 1:
        connection.execute("INSERT INTO store VALUES (1, %s, 1, 1, '', 0)", (os.urandom(16).hex(),))
    connection.execute(
        "UPDATE store SET schema_version = %s, compatible_from = greatest(compatible_from, %s),"
        " written_by_release = %s",
        (step.number, compatible_from(step), release_of(step)),
    )


def _require_no_tables(connection: Connection, place: str) -> None:
    found = connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = current_schema() LIMIT 1")
    if found.fetchone() is not None:
        raise StoreUnusableError(
            what=f"the store {place}",
            problem="the schema has tables of another program",
            remedy="give Statekeep a database, or a schema in the search path, of its own",
        )


def _require_no_servers(connection: Connection, schema: Schema) -> None:
    [(count,)] = connection.execute(_SERVERS, (SERVER_NAME,)).fetchall()
    if count:
        raise NotNowError(
            f"servers that know no schema after {schema.version} have {count} connections to it; stop them",
            _PAUSE_SECONDS,
        )


def _in_use(connection: Connection) -> str:
    found = connection.execute(_OLDEST_TRANSACTION).fetchone()
    if found is None:
        return "its tables were in use"
    pid, name, since = found
    return f"its tables are in use; the oldest transaction is of process {pid} ({name}), since {since}"
