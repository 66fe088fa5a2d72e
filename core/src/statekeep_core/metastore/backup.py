"""Copies of a store's file that are one state of it, made while others write, and what becomes of them."""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

import apsw

from statekeep_core._shared.state.errors import InvalidRequestError, StoreUnusableError

from .connection import translated
from .integrity import damage
from .migrate import APPLICATION_ID, BACKUP_ID
from .store_file import opened
from .store_identity import renew
from .write_lock import WriteLock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .sqlite_transaction import SqliteTransaction
    from .store_file import StoreFile, StoreReader
    from .store_identity import Renewed

# What SQLite keeps beside a file, and takes for a part of whatever lies there under its name.
_SIDE_FILES = ("", "-wal", "-shm", "-journal")
_PRIVATE = 0o600


def back_up(store: StoreReader, path: Path) -> int:
    """Copy the store as it is now into ``path``, one checked file, marked as a backup; return its size.

    Writers do not wait. Until all of it is on the disk, there is nothing under that name. Raises
    :class:`InvalidRequestError` when something is.
    """
    path = path.absolute()
    with _new_file(path) as temporary:
        _copy(store.connection, temporary, BACKUP_ID)
    return path.stat().st_size


def restore(backup: StoreReader, path: Path) -> Renewed:
    """Make a store of its own in ``path`` out of a backup, which stays as it is.

    It has this release's schema, and an id of its own before anything can open it. Raises
    :class:`InvalidRequestError` when there is a store already, or a file that belonged to one.
    """
    path = path.resolve()
    with translated(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = WriteLock(path)
        try:
            with lock.held(), _new_file(path) as temporary:
                _copy(backup.connection, temporary, BACKUP_ID)
                with opened(temporary) as copied:
                    renewed = renew_id(copied)
        finally:
            lock.close()
    return renewed


def renew_id(store: StoreFile) -> Renewed:
    """Give a copy an id of its own, in one transaction, after it has this release's schema."""

    def renewed(tx: SqliteTransaction) -> Renewed:
        store.connection.pragma("application_id", APPLICATION_ID)
        return renew(tx)

    store.migrate()
    return store.write(renewed)


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[Path]:
    """Give the block a file to fill, beside ``path``, and its name to it when the block is done."""
    _require_free(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with translated(path):
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE))
            yield temporary
            _require_free(path)
            temporary.rename(path)
            _sync_folder(path.parent)
    finally:
        for suffix in (*_SIDE_FILES, ".lock", ".turn"):
            temporary.with_name(temporary.name + suffix).unlink(missing_ok=True)


def _require_free(path: Path) -> None:
    if not path.parent.is_dir():
        raise InvalidRequestError(
            what=f"the copy to {path}",
            problem=f"was not made, because there is no folder {path.parent}",
            remedy="make it, writable for this user alone",
        )
    for suffix in _SIDE_FILES:
        taken = path.with_name(path.name + suffix)
        if os.path.lexists(taken):
            raise InvalidRequestError(
                what=f"the copy to {path}",
                problem=f"was not made, because there is {taken} already",
                remedy="move that away, or give another name",
            )


def _copy(source: apsw.Connection, path: Path, application_id: int) -> None:
    # Nobody else knows the file, and a backup may go to a network file system, where locks do not hold.
    target = apsw.Connection(str(path), vfs="unix-none")
    try:
        target.pragma("locking_mode", "exclusive")  # the copy says WAL, which needs shared memory otherwise
        # All in one step: in several, each write to the store in between would begin the copy anew.
        with target.backup("main", source, "main") as copying:
            copying.step(-1)
        target.pragma("journal_mode", "delete")  # one file, with nothing beside it
        target.pragma("synchronous", "full")
        target.pragma("application_id", application_id)
        problems = damage(target)
    finally:
        target.close()
    if problems:
        raise StoreUnusableError(
            what="the store", problem=f"it is damaged ({problems[0]})", remedy="restore it from a backup"
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
