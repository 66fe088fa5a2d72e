"""Folds the log of a file that is served into it: beside the writer, and not on its way."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

import apsw

from statekeep_core._shared.state.errors import StatekeepError

from .connection import open_connection
from .write_lock import WriteLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PAGE_BYTES = 4_096
# When the log is folded. Each page is written to the file once, however often it is in the log, so that a
# longer log is less work, and a shorter one less to look through.
_DUE_PAGES = 16_000
# Past this, who writes folds the log before going on: the disk does not take in what is written.
_MOST_PAGES = 64_000
# So many the writer is held up for, so that for an instant nothing is left, and the log begins anew.
_FEW_PAGES = 400
_PASSES = 4
# While somebody reads an old state, as a backup does, what was written since then stays in the log.
_HELD_SECONDS = 0.25


def free_bytes(folder: Path) -> int:
    """Return how much may be written to the folder's disk; as much as anybody wants where it does not say."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return 2**63
    return disk.f_bavail * disk.f_frsize


class Checkpointer:
    """A thread with a connection of its own, which folds the log whenever it has grown.

    After a crash the log is there and is read or folded by whoever opens the file; what was folded already
    is folded once more.
    """

    def __init__(
        self,
        path: Path,
        writer: apsw.Connection,
        *,
        due_pages: int = _DUE_PAGES,
        most_pages: int = _MOST_PAGES,
        free_bytes: Callable[[Path], int] = free_bytes,
    ) -> None:
        """``writer`` is the connection that writes, in one thread. The caller holds the write lock now."""
        self._due_pages, self._most_pages = due_pages, most_pages
        self._folder, self._free_bytes = path.parent, free_bytes
        self._is_due, self._closing = threading.Event(), threading.Event()
        self._pass = threading.Lock()
        self._lock = WriteLock(path)
        try:
            self._connection = open_connection(path)
        except BaseException:
            self._lock.close()
            raise
        # What the log grew to while it was held, a backup's time long, is given back.
        writer.pragma("journal_size_limit", most_pages * _PAGE_BYTES)
        writer.set_wal_hook(self._committed)
        self._thread = threading.Thread(target=self._run, name="statekeep-checkpoints", daemon=True)
        self._thread.start()

    def fold_soon(self) -> None:
        """Fold what there is: on a disk that is full, the log that begins anew is the room that is left."""
        self._is_due.set()

    def close(self) -> None:
        """End the thread. What is in the log then is folded when the writer is closed, after this."""
        self._closing.set()
        self._is_due.set()
        self._thread.join()
        self._connection.close()
        self._lock.close()

    def _committed(self, writer: apsw.Connection, database: str, pages: int) -> int:
        """Called in the writer's thread after each commit, which nothing that goes wrong here undoes."""
        # A log that has taken half of the disk's room would soon have it all, and folding takes some, too.
        if pages >= self._due_pages or pages * _PAGE_BYTES > self._free_bytes(self._folder):
            self._is_due.set()
        if pages >= self._most_pages:
            # In turn, because SQLite folds nothing while another connection does, and the log would grow.
            with self._pass, contextlib.suppress(apsw.Error):
                writer.wal_checkpoint(database)
        return apsw.SQLITE_OK

    def _run(self) -> None:
        while True:
            self._is_due.wait()
            # Before the other is asked, or what woke this thread to end it would be forgotten.
            self._is_due.clear()
            if self._closing.is_set():
                return
            # What a full disk or a busy one does not let be folded now stays for after a later commit.
            with contextlib.suppress(apsw.Error, OSError, StatekeepError):
                self._fold()

    def _fold(self) -> None:
        left = self._fold_beside_writers()
        for _ in range(_PASSES):
            if left <= _FEW_PAGES:
                break
            left = self._fold_beside_writers()
        if left > _FEW_PAGES:
            self._closing.wait(_HELD_SECONDS)
            return
        # Even if nothing is left: what was committed meanwhile is, and keeps the log from beginning anew.
        with self._lock.held():
            self._fold_beside_writers()

    def _fold_beside_writers(self) -> int:
        """Fold what nobody reads an older state of; return how many pages were left."""
        with self._pass:
            pages, folded = self._connection.wal_checkpoint("main")
        return pages - folded
