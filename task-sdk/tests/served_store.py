"""A store behind a server that many tests use, one after the other: each finds it empty."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import psycopg
from server_process import ServerProcess
from statekeep_core.metastore.connection import open_connection
from statekeep_core.metastore.write_lock import WriteLock

# Who the store is, who may ask it, and what its server knows by heart.
_KEPT = ("store", "credentials", "signing_keys", "leases")


class ServedStore:
    """``url`` names a database; without it the store is a file in the folder."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.server = ServerProcess(folder, url=url)
        self._url = url

    @property
    def database(self) -> Any:
        """Where the rows are: a file's path, or a database's url."""
        return self._url or self.server.store

    def empty(self) -> None:
        """Remove all rows but those of the server's own, and let numbers begin at 1."""
        if self._url:
            from tests.postgresql.cluster import empty

            empty(self._url, kept=_KEPT)
        else:
            _empty_file(self.server.store)

    def close(self) -> None:
        self.server.close()


def _empty_file(path: Path) -> None:
    with closing(WriteLock(path)) as lock, closing(open_connection(path)) as connection, lock.held():
        # All rows go: nothing is to be counted or looked for meanwhile.
        for option in (apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, apsw.SQLITE_DBCONFIG_ENABLE_FKEY):
            connection.config(option, 0)
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if name not in _KEPT and (name == "sqlite_sequence" or not name.startswith("sqlite_"))
        ]
        deletions = "".join(f"DELETE FROM {name}; " for name in tables)
        connection.execute(f"BEGIN IMMEDIATE; {deletions} UPDATE store SET last_version = 0; COMMIT")


def held_bytes(database: Path | str) -> bytes:
    """Return everything that a store holds: its files, or all rows."""
    if isinstance(database, Path):
        files = database.parent.glob(f"{database.name}*")
        return b"".join(path.read_bytes() for path in files if path.is_file())
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    with psycopg.connect(database) as connection:
        names = [name for (name,) in connection.execute(tables).fetchall()]
        return repr(
            [connection.execute(f"SELECT * FROM {name}".encode()).fetchall() for name in names]
        ).encode()


def changed_rows(database: Path | str, sql: str) -> int:
    """Change a store behind its back, and return how many rows that were."""
    if not isinstance(database, Path):
        with psycopg.connect(database) as connection:
            return connection.execute(sql.encode()).rowcount
    with closing(WriteLock(database)) as lock, closing(open_connection(database)) as connection, lock.held():
        connection.execute(sql)
        return connection.changes()


def first_row(database: Path | str, sql: str) -> tuple[Any, ...] | None:
    """Return the first row that a query finds behind the server's back, or None."""
    if not isinstance(database, Path):
        with psycopg.connect(database) as connection:
            return connection.execute(sql.encode()).fetchone()
    with closing(open_connection(database)) as file:
        return next(iter(file.execute(sql)), None)
