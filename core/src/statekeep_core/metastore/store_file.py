"""The file of a store that is there already, opened to look after it: nothing is made or swept."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

import apsw

from statekeep_core._shared.state.errors import StoreUnusableError

from .clock import SystemClock
from .connection import open_connection, translated
from .migrate import is_backup, migrate, migrations, version_of
from .sqlite_transaction import SqliteTransaction
from .write_lock import WriteLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .migrate import Migration

T = TypeVar("T")


class StoreReader:
    """An open store of any schema that this release knows, or a backup. For one thread."""

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self.path = path
        self.connection = connection
        self.known: list[Migration] = migrations()

    @property
    def version(self) -> int:
        """The schema's version. Raises :class:`StoreUnusableError` when it is newer, or another program's."""
        return version_of(self.connection, self.path, self.known)

    def read(self, operation: Callable[[SqliteTransaction], T]) -> T:
        """Run an operation on one state of the store; writers do not wait for it."""
        return self._within("BEGIN", operation)

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


class StoreFile(StoreReader):
    """One that is written to, beside others."""

    def __init__(self, path: Path, connection: apsw.Connection, lock: WriteLock) -> None:
        super().__init__(path, connection)
        self._lock = lock

    def write(self, operation: Callable[[SqliteTransaction], T]) -> T:
        """Run an operation in a write transaction; when this returns, it is durable."""
        with self._lock.held():
            return self._within("BEGIN IMMEDIATE", operation)

    def migrate(self) -> int:
        """Bring the schema to this release's and return its version before; a crash leaves the old one."""
        with self._lock.held():
            before = self.version
            if before != self.known[-1].number:
                migrate(self.connection, self.known)
            return before


@contextlib.contextmanager
def opened(path: Path) -> Iterator[StoreFile]:
    """Open the file for the block. Raises :class:`StoreUnusableError` when no store is there."""
    path = path.resolve()  # the side files are named after it, and a link would give them a second name
    with translated(path):
        _require_file(path)
        lock = WriteLock(path)
        try:
            with lock.held():
                connection = open_connection(path)
            try:
                yield _with_schema(StoreFile(path, connection, lock))
            finally:
                # The last one to close a store folds the log into it, which is writing.
                with lock.held():
                    connection.close()
        finally:
            lock.close()


@contextlib.contextmanager
def opened_to_read(path: Path) -> Iterator[StoreReader]:
    """Open the file for the block; of a backup no byte is changed, and nothing is put beside it.

    Raises :class:`StoreUnusableError` when no store is there.
    """
    path = path.resolve()
    with translated(path):
        _require_file(path)
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            if is_backup(connection):
                yield _with_schema(StoreReader(path, connection))
                return
        finally:
            connection.close()
        with opened(path) as store:
            yield store


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise StoreUnusableError(
            what=f"the store {path}",
            problem="there is no such file",
            remedy="name one that is there; the first `statekeep run` makes that of [database] url",
        )


_Reader = TypeVar("_Reader", bound=StoreReader)


def _with_schema(store: _Reader) -> _Reader:
    if not store.version:
        raise StoreUnusableError(
            what=f"the store {store.path}",
            problem="the file is empty",
            remedy="restore it from a backup, or move it away to begin anew",
        )
    return store
