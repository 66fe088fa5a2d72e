"""The requests that tasks send most, many in one statement: each with its fence in it, and its commit.

Get, set, delete, increment and set_max of a try's own state and of its assets', and its heartbeat.
What a statement does not answer (a fence or a condition that does not hold, a value that lies elsewhere, a
request that was answered before) changed nothing and goes the long way, to the exact answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.errors import StatekeepError
from statekeep_core._shared.state.retention import check_wire
from statekeep_core._shared.state.rules import check_key
from statekeep_core.execution_api.caller import principal_of
from statekeep_core.execution_api.lifecycle import lease_us
from statekeep_core.execution_api.state import check_value
from statekeep_core.metastore import objects, request_log
from statekeep_core.metastore.expiry import expires_at
from statekeep_core.metastore.operation import dump_retention

from . import asset_statements as asset_sql
from . import hot_statements as sql
from .round_trips import one_round_trip
from .transaction import BOOT_ID
from .value_expressions import LONGEST_COMPARED_BYTES, LONGEST_SUM_BYTES, is_compared, is_small_integer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psycopg

    from statekeep_core.execution_api.service import Call
    from statekeep_core.metastore.clock import Clock
    from statekeep_core.metastore.transaction import Row
    from statekeep_core.policy import Policy

    from .connection import BoundedConnection

    Rows = list[Row]
    Replies = dict[int, Any]
    Answered = list[tuple[int, Any]]
    Way = Callable[["HotPath", list[Call]], Answered]

# Above every floor.
_UNNUMBERED = 2**63 - 1
_LONGEST_OUTCOME_BYTES = {m.Increment: LONGEST_SUM_BYTES, m.SetMax: LONGEST_COMPARED_BYTES}
_KINDS: dict[type, str] = {m.Set: "set", m.Delete: "delete", m.Increment: "increment", m.SetMax: "set_max"}


class HotPath:
    """Statements over one connection, for calls no two of which write one key, or write and read it."""

    def __init__(
        self, connection: BoundedConnection, clock: Clock | None, policy: Policy, *, passes_held: bool = False
    ) -> None:
        """With ``passes_held``, calls whose try another transaction holds are left to the long way."""
        self._connection = connection
        self._passes_held = passes_held
        self._history_versions = policy.asset_history_versions
        self._instant = None if clock is None else clock()

    def answer(self, calls: Sequence[tuple[int, Call]], replies: Replies) -> None:
        """Add the replies by number, of those calls that a statement answered; each is committed.

        When a statement fails, those of the statements before it are there, and stand.
        """
        by_way: dict[Way, list[tuple[int, Call]]] = {}
        for numbered in calls:
            way = way_of(numbered[1])
            if way is not None:
                by_way.setdefault(way, []).append(numbered)
        for way, on_it in by_way.items():
            found = way(self, [call for _, call in on_it])
            replies.update((on_it[place - 1][0], reply) for place, reply in found)

    def get(self, calls: list[Call]) -> Answered:
        keys = [call.request.key for call in calls]
        return _found(self.rows(sql.GET, *_tries(calls), keys), keys)

    def asset_get(self, calls: list[Call]) -> Answered:
        keys = [call.request.key for call in calls]
        targets = [call.request.target for call in calls]
        return _found(self.rows(sql.ASSET_GET, *_tries(calls), targets, keys), keys)

    def set_(self, calls: list[Call]) -> Answered:
        return _written(self.rows(sql.SET, *_tries(calls), *_contents(calls), _sendings(calls)))

    def set_if_version(self, calls: list[Call]) -> Answered:
        versions = [call.request.if_version for call in calls]
        columns = (*_tries(calls), *_contents(calls), versions, *_records(calls))
        return _written(self.rows(sql.SET_IF_VERSION, *columns))

    def set_if_absent(self, calls: list[Call]) -> Answered:
        return _written(self.rows(sql.SET_IF_ABSENT, *_tries(calls), *_contents(calls), *_records(calls)))

    def stage_set(self, calls: list[Call]) -> Answered:
        requests = [call.request for call in calls]
        columns = (
            [request.target for request in requests],
            [request.key for request in requests],
            [request.value for request in requests],
            [dump_retention(request.retention) for request in requests],
            [len(request.key.encode()) + len(request.value) for request in requests],
        )
        rows = self.rows(sql.STAGE_SET, *_tries(calls), *columns, *_records(calls))
        return [(place, m.Written()) for (place,) in rows]

    def stage(self, calls: list[Call]) -> Answered:
        requests = [call.request for call in calls]
        sizes = [len(request.key.encode()) + len(_operand(request) or b"") for request in requests]
        columns = (*_asked_of_assets(requests, dump_retention), sizes, *_conditions(requests))
        rows = self.rows(
            asset_sql.STAGE, *_tries(calls), *columns, *_records(calls), hold=asset_sql.HOLD_TRIES
        )
        return [(row[0], _staged(row)) for row in rows]

    def apply_now(self, calls: list[Call]) -> Answered:
        requests = [call.request for call in calls]
        columns = (
            *_asked_of_assets(requests, lambda retention: expires_at(retention, 0)),
            *_conditions(requests),
        )
        keep = [self._history_versions] * len(calls)
        rows = self.rows(
            asset_sql.APPLY_NOW, *_tries(calls), *columns, keep, *_records(calls), hold=asset_sql.HOLD_ASSETS
        )
        return [(row[0], _applied(row)) for row in rows]

    def delete(self, calls: list[Call]) -> Answered:
        keys = [call.request.key for call in calls]
        rows = self.rows(sql.DELETE, *_tries(calls), keys, _sendings(calls))
        return [(place, m.Written(removed=removed)) for place, removed in rows]

    def heartbeat(self, calls: list[Call]) -> Answered:
        seconds = [call.request.lease_seconds for call in calls]
        boot_id, now_us = (
            (BOOT_ID, None) if self._instant is None else (self._instant.boot_id, self._instant.boot_us)
        )
        columns = (*_tries(calls), [boot_id] * len(calls), list(map(lease_us, seconds)))
        rows = self.rows(sql.HEARTBEAT, *columns, now_us=now_us)
        return [(place, m.LeaseRenewed(seconds[place - 1])) for (place,) in rows]

    def rows(
        self,
        statement: sql.HotStatement,
        *columns: list[Any],
        now_us: int | None = None,
        hold: sql.HotStatement | None = None,
    ) -> Rows:
        """Return what a statement answers; with ``hold``, once that other one has what it waits for."""
        if hold is not None and self._passes_held:
            return []
        if now_us is None and self._instant is not None:
            now_us = self._instant.wall_us
        # Lists cost several times what a value does, here and in the database.
        is_one = len(columns[0]) == 1
        text = statement.one if is_one else statement.many
        if self._passes_held:
            text = text.replace(sql.LOCK, sql.LOCK + " SKIP LOCKED")
        parameters = [column[0] for column in columns] if is_one else columns
        if hold is None:
            return self._execute(text, (*parameters, now_us)).fetchall()
        held_text = hold.one if is_one else hold.many
        with one_round_trip(self._connection):
            self._execute(held_text, parameters[: held_text.count("%s")])
            cursor = self._execute(text, (*parameters, now_us))
        return cursor.fetchall()

    def _execute(self, text: str, parameters: Sequence[Any]) -> psycopg.Cursor[Row]:
        return self._connection.execute(text, parameters, prepare=True, binary=True)


def _combining(statement: sql.HotStatement) -> Way:
    """Return the way over a statement that answers with what has become of the entry."""

    def combine(path: HotPath, calls: list[Call]) -> Answered:
        rows = path.rows(statement, *_tries(calls), *_contents(calls), *_records(calls))
        return [(row[0], _entry((*row, None))) for row in rows]

    return combine


_INCREMENT = _combining(sql.INCREMENT)
_SET_MAX = _combining(sql.SET_MAX)


def way_of(call: Call) -> Way | None:
    """Return the statement that may answer the call, if one may."""
    request = call.request
    match request:
        case m.Heartbeat():
            return HotPath.heartbeat
        case m.Get(target=None):
            return HotPath.get
        case m.Get():
            return HotPath.asset_get if isinstance(request.target, int) else None
        case m.Delete(target=None, if_version=None):
            return HotPath.delete
        case m.Increment(target=None):
            return _INCREMENT if call.request_id and is_small_integer(request.by) else None
        case m.SetMax(target=None):
            return _SET_MAX if call.request_id and is_compared(request.value) else None
        case m.Set(target=None):
            return _way_of_a_set(call)
        case m.Set() | m.Delete() | m.Increment() | m.SetMax() if isinstance(request.target, int):
            return _way_of_an_assets_write(call)
    return None


def _way_of_a_set(call: Call) -> Way | None:
    request: m.Set = call.request
    if request.external is not None or (request.if_version is not None and request.if_absent):
        return None
    if request.if_version is None and not request.if_absent:
        return HotPath.set_
    if not call.request_id:
        return None
    return HotPath.set_if_absent if request.if_absent else HotPath.set_if_version


def _way_of_an_assets_write(call: Call) -> Way | None:
    request = call.request
    match request:
        case m.Set(external=None):
            is_usual = request.if_version is None or not request.if_absent
        case m.Increment():
            is_usual = is_small_integer(request.by)
        case m.SetMax():
            is_usual = is_compared(request.value)
        case _:
            is_usual = isinstance(request, m.Delete)
    if not (is_usual and call.request_id):
        return None
    if request.apply_now:
        return HotPath.apply_now
    is_blind_set = isinstance(request, m.Set) and request.if_version is None and not request.if_absent
    return HotPath.stage_set if is_blind_set else HotPath.stage


def is_hot(call: Call, policy: Policy) -> bool:
    """Return whether a statement here may answer the call; what is wrong with it is told the long way."""
    if not isinstance(call.claims, m.TryClaims) or way_of(call) is None:
        return False
    request = call.request
    try:
        if isinstance(request, m.Heartbeat):
            return lease_us(request.lease_seconds) > 0
        check_key(request.key)
        if isinstance(request, m.Get):
            return True
        if call.sending is not None and call.sending.floor:
            return False
        if not isinstance(request, m.Delete):
            check_value(policy, request.key, _operand(request) or b"")
            check_wire(request.retention)
        # What a write comes to is checked the long way, where it could be too large.
        return policy.max_value_bytes >= _LONGEST_OUTCOME_BYTES.get(type(request), 0) and (
            policy.asset_history_versions > 0 or not getattr(request, "apply_now", False)
        )
    except StatekeepError:
        return False


def _operand(request: Any) -> bytes | None:
    operand: bytes | None = getattr(request, "by", None) or getattr(request, "value", None)
    return operand


def _tries(calls: list[Call]) -> tuple[list[int], list[int]]:
    claims: list[Any] = [call.claims for call in calls]
    return [one.instance_id for one in claims], [one.try_number for one in claims]


def _contents(calls: list[Call]) -> tuple[list[Any], ...]:
    requests = [call.request for call in calls]
    return (
        [request.key for request in requests],
        [_operand(request) for request in requests],
        [int(request.retention is None) for request in requests],
        [expires_at(request.retention, 0) for request in requests],
    )


def _asked_of_assets(requests: list[Any], retention: Callable[[Any], Any]) -> tuple[list[Any], ...]:
    return (
        [request.target for request in requests],
        [request.key for request in requests],
        [_KINDS[type(request)] for request in requests],
        [_operand(request) for request in requests],
        [retention(getattr(request, "retention", None)) for request in requests],
    )


def _conditions(requests: list[Any]) -> tuple[list[Any], list[int]]:
    return (
        [getattr(request, "if_version", None) for request in requests],
        [int(getattr(request, "if_absent", False)) for request in requests],
    )


def _records(calls: list[Call]) -> tuple[list[Any], ...]:
    return (
        [principal_of(call.claims) for call in calls],
        [call.request_id for call in calls],
        [request_log.digest_of(call.plain_request) for call in calls],
        _sendings(calls),
    )


def _sendings(calls: list[Call]) -> list[int]:
    """Return the number of each call; of a try that does not number its sendings none comes late."""
    return [_UNNUMBERED if call.sending is None else call.sending.number for call in calls]


def _written(rows: Rows) -> Answered:
    return [(place, m.Written(version)) for place, version in rows]


def _applied(row: Row) -> m.Written | m.Entry:
    kind, change = row[13:]
    if kind in ("set", "delete"):
        return m.Written(row[3] if kind == "set" else None, removed=int(change == "delete"))
    return _entry((*row[:13], None))


def _staged(row: Row) -> m.Written | m.Entry:
    kind, removed, is_base, is_relative = row[13:]
    if kind in ("set", "delete"):
        return m.Written(removed=removed)
    if is_base:
        return _entry((*row[:13], None))
    return m.Entry(row[1], row[2], None, row[4], is_relative=is_relative)


def _found(rows: Rows, keys: list[str]) -> Answered:
    return [(row[0], m.Absent(keys[row[0] - 1]) if row[1] is None else _entry(row)) for row in rows]


def _entry(row: Row) -> m.Entry:
    _, key, value, version, size_bytes, updated_at, expiry, principal, try_number = row[:9]
    writer = m.Writer(principal, None if try_number is None else m.TaskAddress(*row[9:13]), try_number)
    external = None if row[13] is None else objects.external_of(row[13:])
    return m.Entry(key, value, version, size_bytes, updated_at, expiry, writer, external=external)
