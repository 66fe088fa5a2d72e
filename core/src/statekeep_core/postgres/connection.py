"""Connections to PostgreSQL that neither hang nor lose what they acknowledge, and a pool of them."""

from __future__ import annotations

import contextlib
import secrets
from collections import Counter
from queue import Empty, LifoQueue
from threading import Lock
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import conninfo, generators, pq
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper

from statekeep_core._shared.state.errors import StoreUnusableError, UnavailableError
from statekeep_core.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg.abc import PQGen

OLDEST_POSTGRESQL = 14

# A statement is milliseconds of work. Each limit is longer than the one before it, so that the cause is told.
LOCK_SECONDS = 5
STATEMENT_SECONDS = 10
# A server process that was stopped keeps its rows from the others for no longer than this.
IDLE_SECONDS = 15
# When the database itself is silent, or the way to it.
SILENCE_SECONDS = 20.0
CONNECT_SECONDS = 5

# What the servers' connections are called in pg_stat_activity, and all others of this program.
SERVER_NAME = "statekeep"
_OTHER_NAME = "statekeep db"

_SETTINGS = {
    "lock_timeout": f"{LOCK_SECONDS}s",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
    "client_encoding": "UTF8",
    # Every statement reaches its rows through a key. A table that has just filled has no statistics yet, and
    # a plan that is made then, and kept, must be the one that is right later.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
# A network that is cut is noticed by the system, also while a statement takes its time.
_WAYS: dict[str, Any] = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
# What is acknowledged is durable, whatever the database's default; a stricter one (remote_apply) stays.
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)
# Statements in different forms of one list of parameters; a client of the store has some eighty.
_PREPARED_STATEMENTS = 500


class BoundedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection on which no wait for the database is endless: it is broken afterwards, and raises.

    ``waits`` counts them.
    """

    waits = 0

    def wait(self, gen: PQGen[Any], interval: float = 0.1, **limit: float | None) -> Any:  # type: ignore[override]  # always given by name
        self.waits += 1
        limit["timeout"] = limit.get("timeout") or SILENCE_SECONDS
        try:
            return super().wait(gen, interval, **limit)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001 -- what `wait` says that it raises
            self.pgconn.finish()
            raise


def connect(url: str, name: str = _OTHER_NAME) -> BoundedConnection:
    """Return a new connection; each statement commits by itself until one begins a transaction.

    Raises :class:`psycopg.Error`, and :class:`StoreUnusableError` for a PostgreSQL that is too old.
    """
    connection = BoundedConnection.connect(url, autocommit=True, prepare_threshold=3, **_WAYS)
    try:
        _require_version(connection.info.server_version // 10_000, place_of(url))
        # Settings as one statement, and not as start-up options, which poolers refuse.
        settings = _SETTINGS | {"application_name": name}
        connection.execute("; ".join(f"SET {each} = '{value}'" for each, value in settings.items()))
        connection.execute(_DURABLE)
    except BaseException:
        connection.close()
        raise
    connection.prepared_max = _PREPARED_STATEMENTS
    # Names count up from here. Where a pooler is told to share sessions while we run, the name of another
    # connection's statement must not be the name of one of ours: PostgreSQL would execute that one instead.
    connection._prepared._prepared_idx = secrets.randbits(60)  # noqa: SLF001 -- no option gives names
    # One form per statement, whatever the size of its numbers.
    connection.adapters.register_dumper(int, Int8Dumper)
    connection.adapters.register_dumper(int, Int8BinaryDumper)
    return connection


def undo(connection: psycopg.Connection[Any], statement: str) -> None:
    """Execute a form of ROLLBACK, and keep what is prepared, unless PostgreSQL has refused a statement.

    After each ROLLBACK that the driver executes, it prepares everything anew, in case tables were made or
    changed in the transaction: 1 to 20 ms for a statement of the hot path, on two busy cores. No transaction
    of ours does that; but what PostgreSQL refuses may be a plan for tables that were migrated meanwhile.
    """
    if connection.info.transaction_status != pq.TransactionStatus.INTRANS:
        connection.execute(statement.encode())
        return
    with connection.lock:
        connection.pgconn.send_query(statement.encode())
        results = connection.wait(generators.execute(connection.pgconn))
    for result in results:
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result)


def _require_version(major: int, place: str) -> None:
    if major < OLDEST_POSTGRESQL:
        raise StoreUnusableError(
            what=f"the store {place}",
            problem=f"it is PostgreSQL {major}",
            remedy=f"use PostgreSQL {OLDEST_POSTGRESQL} or newer",
        )


def connect_patiently(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Return a connection for what takes minutes: no statement has a limit, and the way to it is watched.

    The planner is PostgreSQL's own: reading everything is best done without keys. Raises
    :class:`psycopg.Error`.
    """
    connection = psycopg.connect(url, autocommit=True, **_WAYS)
    try:
        connection.execute(
            f"SET application_name = '{_OTHER_NAME}'; SET client_encoding = 'UTF8';"
            f" SET statement_timeout = 0; SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'"
        )
        connection.execute(_DURABLE)
        # When this process is killed, its statement ends, and with it its locks. Not where PostgreSQL runs on
        # a system that cannot tell it.
        with contextlib.suppress(psycopg.errors.InvalidParameterValue):
            connection.execute("SET client_connection_check_interval = '1s'")
    except BaseException:
        connection.close()
        raise
    return connection


def place_of(url: str) -> str:
    """Return where a URL leads, for people: host and database, never the password.

    Raises :class:`StoreUnusableError` for one that libpq cannot read.
    """
    try:
        parts = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # The driver's own words may quote a part of the password.
        raise StoreUnusableError(
            what="the store on PostgreSQL",
            problem="its URL is not one that libpq can read",
            remedy="correct [database] url: its host, its port, and the names after its question mark",
        ) from None
    return f"{parts.get('dbname', '')} on {parts.get('host', 'this machine')}"


class Pool:
    """Up to ``size`` connections, made when they are wanted and looked at when new. Safe for threads."""

    def __init__(
        self, url: str, size: int, look_at: Callable[[BoundedConnection], None] = lambda _new: None
    ) -> None:
        self._url = url
        self._look_at = look_at
        self._place = place_of(url)
        self._size = size
        # None is a connection that is still to be made. The one that was used last is used next.
        self._free: LifoQueue[BoundedConnection | None] = LifoQueue()
        for _ in range(size):
            self._free.put(None)
        self._is_closed = False
        self._counting = Lock()
        self._round_trips = 0
        self._errors: Counter[str] = Counter()

    @contextlib.contextmanager
    def connection(self) -> Iterator[BoundedConnection]:
        """Lend a connection for the block, outside any transaction.

        Raises :class:`UnavailableError` when none is free in time, :class:`psycopg.Error` when none can be
        made, and what looking at a new one raises.
        """
        connection = self._take()
        kept: BoundedConnection | None = None
        try:
            if connection is None or connection.closed:
                connection = self._made()
            yield connection
            kept = self._usable(connection)
        except BaseException as error:
            kept = None if connection is None else self._usable(connection)
            if isinstance(error, psycopg.Error):
                with self._counting:
                    self._errors[type(error).__name__] += 1
            raise
        finally:
            self._count(connection)
            self._free.put(kept)
            if self._is_closed:
                self.close()

    def close(self) -> None:
        """Close what is free now, and the others when they are given back."""
        self._is_closed = True
        with contextlib.suppress(Empty):
            while True:
                connection = self._free.get_nowait()
                if connection is not None:
                    connection.close()

    def traffic(self) -> Traffic:
        """Return what went on so far, over the connections that were given back."""
        with self._counting:
            return Traffic(self._round_trips, dict(self._errors))

    def _made(self) -> BoundedConnection:
        """Return a new connection; one that is refused when it is looked at is not kept, or it would pass."""
        connection = connect(self._url, SERVER_NAME)
        try:
            self._look_at(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _count(self, connection: BoundedConnection | None) -> None:
        if connection is not None:
            waits, connection.waits = connection.waits, 0
            with self._counting:
                self._round_trips += waits

    def _take(self) -> BoundedConnection | None:
        if self._is_closed:
            raise UnavailableError(what=f"the store {self._place}", problem="it is closed")
        try:
            return self._free.get(timeout=STATEMENT_SECONDS)
        except Empty:
            raise UnavailableError(
                what=f"the store {self._place}",
                problem=f"all {self._size} connections have been busy for {STATEMENT_SECONDS} s",
            ) from None

    def _usable(self, connection: BoundedConnection) -> BoundedConnection | None:
        if (
            not connection.closed
            and connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE
        ):
            return connection
        connection.close()
        return None
