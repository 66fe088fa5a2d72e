"""Opens the SQLite file of an embedded store, and says in words what its disk refuses."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

import apsw

from statekeep_core._shared.state.errors import StatekeepError, StoreUnusableError, UnavailableError

from .file_system import network_file_system

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# How long a statement waits for a foreign program that writes to the file; Statekeep's own writers queue
# at the write lock instead.
_FOREIGN_WRITER_PATIENCE_MS = 2_000

# A statement that was not used for so many others is parsed again; a group of requests uses five for each.
_CACHED_STATEMENTS = 500

# What the folder of a store answers when no store can be there, now or later.
_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)


def open_connection(path: Path, *, mapped_bytes: int = 0) -> apsw.Connection:
    """Open the file, made when it is absent, for durable commits (WAL, ``synchronous=FULL``).

    Up to ``mapped_bytes`` of it are read through a map, which connections share and no commit empties.

    The caller holds the write lock, because switching a new file to WAL writes. Raises
    :class:`StoreUnusableError` on a network file system; what SQLite raises is for :func:`translated`.
    """
    kind = network_file_system(path)
    if kind is not None:
        raise StoreUnusableError(
            what=f"the store {path}",
            problem=f"it lies on {kind}, a network file system, where SQLite's locks do not hold",
            remedy="put it on a local disk, or run `statekeep server` and point the workers to it",
        )
    _make_private(path)
    connection = apsw.Connection(str(path), statementcachesize=_CACHED_STATEMENTS)
    try:
        # Else each new value of a parameter that a partial index might be about makes SQLite plan the
        # statement anew: 21 us for a get instead of 3.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        connection.set_busy_timeout(_FOREIGN_WRITER_PATIENCE_MS)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("foreign_keys", True)
        if mapped_bytes:
            connection.pragma("mmap_size", mapped_bytes)
    except apsw.Error:
        connection.close()
        raise
    return connection


def _make_private(path: Path) -> None:
    """Make a new file for this user alone; SQLite gives its side files the same mode.

    Never opens one that is there: closing it again would drop the locks that SQLite has on it here.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise what the disk or SQLite refuses as an error of the contract; the others pass unchanged."""
    try:
        yield
    except apsw.Error as error:
        raise _from_sqlite(error, path) from error
    except OSError as error:
        raise _from_system(error, path) from error


def _from_sqlite(error: apsw.Error, path: Path) -> StatekeepError:
    match error:
        case apsw.FullError():
            return UnavailableError(what=f"the store {path}", problem="its disk is full")
        case apsw.BusyError() | apsw.LockedError():
            return UnavailableError(
                what=f"the store {path}", problem="another program is writing to the file"
            )
        case apsw.NotADBError() | apsw.CorruptError():
            return StoreUnusableError(
                what=f"the store {path}",
                problem=f"the file is damaged, or no SQLite database ({error})",
                remedy="restore it from a backup, or move it away to begin anew",
            )
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError() | apsw.AuthError():
            return _not_writable(path, str(error))
        case _:
            return UnavailableError(what=f"the store {path}", problem=f"{type(error).__name__}: {error}")


def _from_system(error: OSError, path: Path) -> StatekeepError:
    if error.errno in _NOT_WRITABLE:
        return _not_writable(path, str(error))
    return UnavailableError(what=f"the store {path}", problem=str(error))


def _not_writable(path: Path, problem: str) -> StoreUnusableError:
    if path.is_dir():
        return StoreUnusableError(
            what=f"the store {path}", problem="it is a folder", remedy="let [database] url name a file in it"
        )
    return StoreUnusableError(
        what=f"the store {path}",
        problem=f"it cannot be written ({problem})",
        remedy="make its folder writable for this user, or point [database] url to another place",
    )
