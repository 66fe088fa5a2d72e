"""The file of a store that is there already, opened to look after it: nothing is made, migrated or swept."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import apsw

from statekeep_core._shared.state.errors import StoreUnusableError

from .clock import SystemClock
from .connection import open_connection, translated
from .migrate import migrate, migrations, version_of
from .sqlite_transaction import SqliteTransaction
from .write_lock import WriteLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TypeVar

    from .migrate import Migration

    T = TypeVar("T")


class StoreFile:
    """An open store of any schema that this release knows, or a backup. For one thread."""

    def __init__(self, path: Path, connection: apsw.Connection, lock: WriteLock) -> None:
        self.path = path
        self.connection = connection
        self.known: list[Migration] = migrations()
        self._lock = lock

    @property
    def version(self) -> int:
        """The schema's version. Raises :class:`StoreUnusableError` when it is newer, or another program's."""
        return version_of(self.connection, self.path, self.known)

    def read(self, operation: Callable[[SqliteTransaction], T]) -> T:
        """Run an operation on one state of the store; writers do not wait for it."""
        return self._within("BEGIN", operation)

    def write(self, operation: Callable[[SqliteTransaction], T]) -> T:
        """Run an operation in a write transaction; when this returns, it is durable."""
        with self._lock.held():
            return self._within("BEGIN IMMEDIATE", operation)

    def migrate(self, release: str) -> int:
        """Bring the schema to this release's and return its version before; a crash leaves the old one."""
        with self._lock.held():
            before = self.version
            if before != self.known[-1].number:
                migrate(self.connection, self.known, release)
            return before

    def _within(self, begin: str, operation: Callable[[SqliteTransaction], T]) -> T:
        self.connection.execute(begin)
        try:
            result = operation(SqliteTransaction(self.connection, SystemClock()()))
            self.connection.execute("COMMIT")
        except BaseException:
            if not self.connection.get_autocommit():
                self.connection.execute("ROLLBACK")
            raise
        return result


@contextlib.contextmanager
def opened(path: Path) -> Iterator[StoreFile]:
    """Open the file for the block. Raises :class:`StoreUnusableError` when no store is there."""
    path = path.resolve()  # the side files are named after it, and a link would give them a second name
    with translated(path):
        if not path.is_file() or not path.stat().st_size:
            raise StoreUnusableError(
                what=f"the store {path}",
                problem="there is none",
                remedy="point [database] url to one, or make one with the first `statekeep run`",
            )
        lock = WriteLock(path)
        try:
            with lock.held():
                connection = open_connection(path)
            try:
                store = StoreFile(path, connection, lock)
                if not store.version:
                    raise apsw.NotADBError("it is empty")
                yield store
            finally:
                with lock.held():
                    connection.close()
        finally:
            lock.close()
