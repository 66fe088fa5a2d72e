"""The store in the caller's own process, on one SQLite file that several processes open."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from . import config, retention
from ._shared.state import wire
from ._shared.state.errors import StatekeepError, StoreUnusableError, UnsupportedError
from .execution_api import service
from .faults import told_fault
from .metastore import objects
from .metastore.checkpoints import Checkpointer
from .metastore.clock import SystemClock
from .metastore.connection import open_connection, translated
from .metastore.migrate import is_current, migrate, migrations
from .metastore.sqlite_transaction import SqliteTransaction
from .metastore.write_lock import WriteLock
from .policy import Policy, Work, configured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ._shared.state.sendings import Sending
    from ._shared.state.wire import Plain
    from .metastore.clock import Clock

# One group may keep the other processes waiting for this long, and no longer.
_GROUP_CALLS = 256
_GROUP_SECONDS = 0.050
# Whoever closes the store waits for no more of a sweep than this.
_SWEEP_SECONDS = 1.0
_WRITING = "BEGIN IMMEDIATE"
_NOTHING_UNDONE: contextlib.AbstractContextManager[None] = contextlib.nullcontext()

Call = tuple["Plain", str, "Plain"] | tuple["Plain", str, "Plain", "Sending | None"]


def open_store(
    path: Path, policy: Policy | None = None, clock: Clock | None = None, *, mapped_bytes: int = 0
) -> EmbeddedStore:
    """Open the store in ``path``; make it, with its folder, when it is absent; migrate it when it is older.

    Up to ``mapped_bytes`` of the file are read through a map of it.

    Raises :class:`StoreUnusableError` when it cannot be used here (read-only, on a network, damaged, written
    by a newer release), and :class:`UnavailableError` when it cannot be used now (disk full, locked).
    """
    path = path.resolve()  # the side files are named after it, and a link would give them a second name
    with translated(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = WriteLock(path)
        try:
            with lock.held():
                connection = open_connection(path, mapped_bytes=mapped_bytes)
                try:
                    known = migrations()
                    if not is_current(connection, path, known):
                        migrate(connection, known)
                except BaseException:
                    connection.close()
                    raise
        except BaseException:
            lock.close()
            raise
    return EmbeddedStore(path, connection, lock, policy or Policy(), clock or SystemClock())


def configured_path(environ: Mapping[str, str]) -> Path:
    """Return where the store of the settings is, links resolved: its locks are named after its one name."""
    return _path_of(config.load(environ))


def open_configured(environ: Mapping[str, str]) -> EmbeddedStore:
    """Open the store that the settings name, which must be a file.

    Raises what :func:`open_store` raises, :class:`UnsupportedError` for one on PostgreSQL, and SettingsError.
    """
    settings = config.load(environ)
    return open_store(_path_of(settings), configured(settings.state_store))


def open_served(environ: Mapping[str, str]) -> EmbeddedStore:
    """Open the store of the settings for a server, which reads more of it than a task's supervisor does.

    Raises what :func:`open_configured` raises.
    """
    settings = config.load(environ)
    mapped_bytes = settings.server.mapped_bytes
    return open_store(_path_of(settings), configured(settings.state_store), mapped_bytes=mapped_bytes)


def _path_of(settings: config.Settings) -> Path:
    if config.is_postgresql(settings.database.url):
        raise UnsupportedError(
            what="a store on PostgreSQL without a server before it",
            problem="run `statekeep server` with this [database] url, and set [api] url and credential here",
        )
    return Path(config.sqlite_path(settings.database.url)).resolve()


class _Transactions:
    """Transactions on one connection to a file that stays where it is."""

    def __init__(self, path: Path, connection: apsw.Connection, policy: Policy, clock: Clock) -> None:
        self.path = path
        self.policy = policy
        self._connection = connection
        self._clock = clock
        self._file = _identity(path)

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[Work]:
        if _identity(self.path) != self._file:
            raise StoreUnusableError(
                what=f"the store {self.path}",
                problem="its file was removed or replaced while it was open, and what is written now is lost",
                remedy="put the file back, or start the task again on the new one",
            )
        try:
            self._connection.execute(begin)
            work = Work(SqliteTransaction(self._connection, self._clock()), self.policy)
            yield work
            if begin == _WRITING:
                objects.settle(work.tx)
            self._connection.execute("COMMIT")
        except BaseException:
            if not self._connection.get_autocommit():
                self._connection.execute("ROLLBACK")
            raise


class EmbeddedStore(_Transactions):
    """Answers groups of requests, each group in one durable transaction.

    Used by one thread at a time; any number of processes may have the same file open. A reply that says
    that something was written is returned after the commit that makes it durable (fsync).
    """

    def __init__(
        self, path: Path, connection: apsw.Connection, lock: WriteLock, policy: Policy, clock: Clock
    ) -> None:
        super().__init__(path, connection, policy, clock)
        self._lock = lock
        # Off where others ask than this process: what a fault says may quote a value.
        self.tells_words_of_faults = True
        self._checkpointer: Checkpointer | None = None
        self._is_closed = False
        self._is_dry = False

    def handle_group(self, calls: Sequence[Call]) -> list[Plain]:
        """Return a plain reply for each call, in order; what is refused is a Refusal, and nothing is raised.

        Each call is answered as it would be alone. Those that are refused leave nothing behind and do not
        touch their neighbours.
        """
        parsed = [_parsed(call) for call in calls]
        self._is_dry = self._is_dry or any(_is_dry(call) for call in parsed)
        replies: list[Plain] = []
        while len(replies) < len(parsed):
            replies.extend(self._one_group(parsed[len(replies) : len(replies) + _GROUP_CALLS]))
        return replies

    def close(self) -> None:
        """Close the file; the last process to do so folds the write-ahead log into it. Closed twice is fine.

        Once a day it sweeps before, for at most a second; not for whoever asked what a sweep would remove.
        """
        if self._is_closed:
            return
        self._is_closed = True
        if not self._is_dry:
            # A sweep that cannot be (a full disk, a busy store) is the next one's, not the closer's fault.
            with contextlib.suppress(StatekeepError):
                self._sweep_when_due()
        if self._checkpointer is not None:
            self._checkpointer.close()
        with translated(self.path), self._lock.held():
            self._connection.close()
        self._lock.close()

    def serve(self) -> None:
        """Be used by a server: by others than this process, none of whom waits for the log to be folded.

        Called once, before anything is asked. Raises :class:`StoreUnusableError` and
        :class:`UnavailableError`.
        """
        self.tells_words_of_faults = False
        with translated(self.path), self._lock.held():
            self._checkpointer = Checkpointer(self.path, self._connection)

    def transact(self, operation: Callable[[Work], Any]) -> Any:
        """Run an operation in a write transaction of its own and return its result after the commit."""
        with translated(self.path), self._lock.held(), self._transaction(_WRITING) as work:
            return operation(work)

    def reader(self) -> EmbeddedReader:
        """Return a reader beside this store, to be closed before it.

        Raises :class:`StoreUnusableError` and :class:`UnavailableError`.
        """
        with translated(self.path), self._lock.held():
            mapped_bytes = int(self._connection.pragma("mmap_size"))
            connection = open_connection(self.path, mapped_bytes=mapped_bytes)
            connection.set_busy_timeout(0)
            connection.pragma("query_only", True)
        return EmbeddedReader(self.path, connection, self.policy, self._clock)

    def _sweep_when_due(self) -> None:
        with translated(self.path), self._transaction("BEGIN") as work:
            is_due = retention.is_sweep_due(work.tx)
        if is_due:
            stop_at = time.monotonic() + _SWEEP_SECONDS
            retention.sweep(self, is_enough=lambda: time.monotonic() > stop_at)

    def _one_group(self, calls: Sequence[service.Call | StatekeepError]) -> list[Plain]:
        """Answer at least one of the calls, as many as fit into one transaction."""
        try:
            with translated(self.path):
                return self._commit_group(calls)
        except StatekeepError as error:
            if self._checkpointer is not None:
                self._checkpointer.fold_soon()
            # The transaction failed as a whole. Alone, each call gets the answer that is its own.
            return [self._alone(call) for call in calls] if len(calls) > 1 else [wire.plain_refusal(error)]

    def _alone(self, call: service.Call | StatekeepError) -> Plain:
        return self._one_group([call])[0]

    def _commit_group(self, calls: Sequence[service.Call | StatekeepError]) -> list[Plain]:
        if all(isinstance(call, StatekeepError) or service.is_read(call) for call in calls):
            with self._transaction("BEGIN") as work:
                return [self._answer(work, call) for call in calls]
        with self._lock.held(), self._transaction(_WRITING) as work:
            stop_at = time.monotonic() + _GROUP_SECONDS
            replies = [self._answer(work, calls[0])]
            for call in calls[1:]:
                if time.monotonic() > stop_at:
                    break
                replies.append(self._answer(work, call))
        return replies

    def _answer(self, work: Work, call: service.Call | StatekeepError) -> Plain:
        if isinstance(call, StatekeepError):
            return wire.plain_refusal(call)
        try:
            # What changes nothing needs nothing undone.
            with _NOTHING_UNDONE if service.is_read(call) else work.tx.savepoint():
                return wire.to_plain(service.answer(work, call))
        except StatekeepError as error:
            return wire.plain_refusal(error)
        except apsw.Error:
            raise
        # A fault in one request must not take its neighbours, or the supervisor, along.
        except Exception as fault:
            told = told_fault(fault, call.request_id, with_words=self.tells_words_of_faults)
            return wire.plain_refusal(told)


class EmbeddedReader(_Transactions):
    """Answers reads beside the store, which may write meanwhile in another thread; waits for nobody."""

    def read(self, calls: Sequence[Call]) -> list[Plain | None]:
        """Return a plain reply for each call, of what was committed before; None: the store is to be asked.

        So it is with whatever is refused, or cannot be read right now: the store has the words for it.
        """
        try:
            with self._transaction("BEGIN") as work:
                return [_read(work, call) for call in calls]
        except Exception:  # whatever it is, the store meets it again
            return [None] * len(calls)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _read(work: Work, call: Call) -> Plain | None:
    try:
        return wire.to_plain(service.answer(work, service.parse(*call)))
    except StatekeepError:
        return None


def _parsed(call: Call) -> service.Call | StatekeepError:
    try:
        return service.parse(*call)
    except StatekeepError as error:
        return error


def _is_dry(call: service.Call | StatekeepError) -> bool:
    """Return whether the call asks what a sweep would do."""
    return not isinstance(call, StatekeepError) and getattr(call.request, "dry_run", False)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells this file from every other; None when there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
