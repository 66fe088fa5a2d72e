"""Answers groups of requests on PostgreSQL, from any number of threads and servers at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg

from statekeep_core._shared.state import wire
from statekeep_core._shared.state.errors import StatekeepError, UnavailableError
from statekeep_core.execution_api import service
from statekeep_core.faults import told_fault
from statekeep_core.metastore import objects
from statekeep_core.policy import Policy, Work

from . import failures
from .connection import Pool, place_of
from .hot_path import HotPath
from .migrate import migrate, migrations, require_usable
from .schema import require_usable as require_usable_schema
from .schema import schema_of
from .transaction import PostgresTransaction
from .waves import waves

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from statekeep_core._shared.state.sendings import Sending
    from statekeep_core._shared.state.wire import Plain
    from statekeep_core.metastore.clock import Clock
    from statekeep_core.traffic import Traffic

    from .connection import BoundedConnection
    from .waves import Wave

    Call = tuple[Plain, str, Plain] | tuple[Plain, str, Plain, Sending | None]

DEFAULT_CONNECTIONS = 8
# How often a transaction that lost against another is run again.
_ATTEMPTS = 5


def open_store(
    url: str,
    policy: Policy | None = None,
    clock: Clock | None = None,
    *,
    connections: int = DEFAULT_CONNECTIONS,
    migrates: bool = True,
) -> PostgresStore:
    """Open the store in the database that ``url`` (libpq's form) names; make its tables when it has none.

    Without ``migrates`` an older schema is refused instead of migrated. The time is the database's, unless
    ``clock`` is given. Raises :class:`StoreUnusableError` when it cannot be used (too new, no rights), and
    :class:`UnavailableError` when it cannot be used now.
    """
    if migrates:
        migrate(url)
    else:
        require_usable(url)
    return PostgresStore(url, policy or Policy(), clock, connections)


class PostgresStore:
    """Answers groups of requests, each request durable on its own when its reply is returned.

    Safe for threads: each group takes a connection of the pool. A connection that breaks is replaced; the
    requests that it carried are answered with `unavailable`, their outcome unknown, and are to be repeated
    under their request ids.
    """

    def __init__(self, url: str, policy: Policy, clock: Clock | None, connections: int) -> None:
        self.place = place_of(url)
        self.policy = policy
        self._clock = clock
        self._known = migrations()
        self._pool = Pool(url, connections, self._require_known)
        self._counting = threading.Lock()
        self.repeated = 0

    def handle_group(self, calls: Sequence[Call]) -> list[Plain]:
        """Return a plain reply for each call, in order; what is refused is a Refusal, and nothing is raised.

        Each call is answered as it would be alone, after those before it in the group that concern the same
        try or are not a try's.
        """
        parsed = [_parsed(call) for call in calls]
        replies: dict[int, Plain] = {}
        # Whoever holds a try for long makes each of its calls wait; the first of them does so for all.
        silent: dict[int, Plain] = {}
        for wave in waves(parsed, self.policy):
            replies.update(self._answered_together(wave))
            # Those that no statement answered are hot ones, too.
            for number in sorted({*wave.others, *(number for number, _ in wave.hot)} - replies.keys()):
                instance_id = _instance_id(parsed[number])
                replies[number] = silent.get(instance_id) or self._answer(parsed[number])
                if instance_id and replies[number].get("code") == UnavailableError.code:
                    silent[instance_id] = replies[number]
        return [replies[number] for number in range(len(parsed))]

    def transact(self, operation: Callable[[Work], Any]) -> Any:
        """Run an operation in a write transaction of its own and return its result after the commit.

        It is run again, from its beginning, when the transaction lost against another one.
        """
        with failures.translated(self.place):
            return self._transacted(operation, reads_only=False)

    def close(self) -> None:
        """Close the connections. Closed twice is fine."""
        self._pool.close()

    def traffic(self) -> Traffic:
        """Return what went on between this process and the database so far."""
        return self._pool.traffic()

    def _require_known(self, connection: BoundedConnection) -> None:
        # While the database was away, another release may have migrated it.
        require_usable_schema(schema_of(connection, self._known), self.place)

    def _answered_together(self, wave: Wave) -> dict[int, Plain]:
        if not wave.hot:
            return {}
        replies: dict[int, Any] = {}
        refused: dict[int, Plain] = {}
        try:
            with failures.translated(self.place), self._pool.connection() as connection:
                self._add_hot_replies(connection, wave, replies)
        except StatekeepError as error:
            refused = {number: wire.plain_refusal(error) for number, _ in wave.hot}
        return refused | {number: wire.to_plain(reply) for number, reply in replies.items()}

    def _add_hot_replies(self, connection: BoundedConnection, wave: Wave, replies: dict[int, Any]) -> None:
        """Add what statements for many answer; the calls of one that fails go alone, to their own answers.

        What a statement before it has answered is committed: it stands, whatever becomes of the next, and is
        not asked again.
        """
        try:
            try:
                HotPath(connection, self._clock, self.policy).answer(wave.hot, replies)
            except psycopg.errors.LockNotAvailable:
                rest = [numbered for numbered in wave.hot if numbered[0] not in replies]
                HotPath(connection, self._clock, self.policy, passes_held=True).answer(rest, replies)
        except psycopg.Error:
            if connection.closed:
                raise

    def _answer(self, call: service.Call | StatekeepError) -> Plain:
        if isinstance(call, StatekeepError):
            return wire.plain_refusal(call)
        try:
            with failures.translated(self.place):
                reply = self._transacted(
                    lambda work: service.answer(work, call), reads_only=service.is_read(call)
                )
                return wire.to_plain(reply)
        except StatekeepError as error:
            return wire.plain_refusal(error)
        # A fault in one request must not take its neighbours, or the server, along.
        except Exception as fault:
            return wire.plain_refusal(told_fault(fault, call.request_id))

    def _transacted(self, operation: Callable[[Work], Any], *, reads_only: bool) -> Any:
        with self._pool.connection() as connection:
            for _ in range(_ATTEMPTS - 1):
                try:
                    return self._once(connection, operation, reads_only=reads_only)
                except failures.AGAIN:
                    with self._counting:
                        self.repeated += 1
            return self._once(connection, operation, reads_only=reads_only)

    def _once(
        self,
        connection: psycopg.Connection[tuple[Any, ...]],
        operation: Callable[[Work], Any],
        *,
        reads_only: bool,
    ) -> Any:
        tx = PostgresTransaction(connection, self._clock, reads_only=reads_only)
        try:
            result = operation(Work(tx, self.policy))
            tx.commit("" if reads_only else objects.settlement(tx))
        except BaseException:
            if not connection.closed:
                tx.roll_back()
            raise
        return result


def _parsed(call: Call) -> service.Call | StatekeepError:
    try:
        return service.parse(*call)
    except StatekeepError as error:
        return error


def _instance_id(call: service.Call | StatekeepError) -> int:
    """Return the number of the task instance that a try speaks for; 0 for everybody else."""
    return getattr(getattr(call, "claims", None), "instance_id", 0)
