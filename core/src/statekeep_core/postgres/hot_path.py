"""The requests that tasks send most, many in one statement: each with its fence in it, and its commit.

Get, set and delete of a try's own state, and its heartbeat. What a statement does not answer (a fence that
does not hold, a value that lies elsewhere) changed nothing and goes the long way, to the exact answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.errors import StatekeepError
from statekeep_core._shared.state.retention import check_wire
from statekeep_core._shared.state.rules import check_key
from statekeep_core.execution_api.lifecycle import lease_us
from statekeep_core.execution_api.state import check_value
from statekeep_core.metastore import objects
from statekeep_core.metastore.expiry import expires_at

from .transaction import BOOT_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psycopg

    from statekeep_core.execution_api.service import Call
    from statekeep_core.metastore.clock import Clock
    from statekeep_core.metastore.transaction import Row
    from statekeep_core.policy import Policy

    Rows = list[Row]
    Replies = dict[int, Any]

# Above every floor.
_UNNUMBERED = 2**63 - 1
_NOW = "coalesce({}, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)"
# Locked in the order of its key, whoever asks: no two groups wait for each other. A try that another
# transaction has just ended is looked at again when the lock is there, and is no row then; so is the floor of
# its sendings, which is that of the row as it was locked.
_LOCK = "FOR NO KEY UPDATE OF t"
_FENCE = f"""fence AS MATERIALIZED (
    SELECT t.instance_id, t.try_number, t.sending_floor, i.ti_id
    FROM tries t JOIN task_instances i USING (instance_id)
    WHERE (t.instance_id, t.try_number) IN (SELECT instance_id, try_number FROM asked)
        AND t.status = 'running'
    ORDER BY t.instance_id, t.try_number {_LOCK}
)"""

_GET = f"""
SELECT q.n, e.key, e.value, e.version, coalesce(x.size_bytes, length(e.value)), e.updated_at,
    CASE e.keeps_default WHEN 0 THEN e.expires_at END, e.writer_principal, e.writer_try_number,
    i.dag_id, i.run_id, i.task_id, i.map_index, {objects.COLUMNS.replace("size_bytes", "x.size_bytes")}
FROM unnest(%s::bigint[], %s::integer[], %s::text[]) WITH ORDINALITY AS q(instance_id, try_number, key, n)
JOIN tries t ON t.instance_id = q.instance_id AND t.try_number = q.try_number AND t.status = 'running'
JOIN task_instances i ON i.instance_id = q.instance_id
LEFT JOIN task_entries e ON e.instance_id = q.instance_id AND e.key = q.key
    AND (e.expires_at IS NULL OR e.expires_at > {_NOW.format("%s::bigint")})
LEFT JOIN external_objects x USING (object_id)
"""

# The version is drawn, and the time read, for a row that has passed the fence: when its try is locked.
_SET = f"""
WITH asked AS (
    SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::text[], %s::bigint[], %s::bytea[], %s::smallint[],
        %s::bigint[])
        WITH ORDINALITY AS q(instance_id, try_number, key, sending, value, keeps_default, retention_us, n)
), given AS (SELECT %s::bigint AS now_us), {_FENCE}, written AS (
    INSERT INTO task_entries AS e (instance_id, key, value, version, updated_at, keeps_default, expires_at,
        writer_try_number, writer_principal)
    SELECT f.instance_id, q.key, q.value, nextval('store_versions'), f.now_us, q.keeps_default,
        f.now_us + q.retention_us, f.try_number, 'try:' || f.ti_id || ':' || f.try_number
    FROM (SELECT fence.*, {_NOW.format("given.now_us")} AS now_us FROM fence, given OFFSET 0) f
    JOIN asked q ON q.instance_id = f.instance_id AND q.try_number = f.try_number
        AND q.sending >= f.sending_floor
    ON CONFLICT (instance_id, key) DO UPDATE SET value = excluded.value, version = excluded.version,
        updated_at = excluded.updated_at, keeps_default = excluded.keeps_default,
        expires_at = excluded.expires_at, writer_try_number = excluded.writer_try_number,
        writer_principal = excluded.writer_principal
    WHERE e.object_id IS NULL
    RETURNING e.instance_id, e.key, e.version
)
SELECT q.n, w.version FROM written w JOIN asked q ON q.instance_id = w.instance_id AND q.key = w.key
"""

_DELETE = f"""
WITH asked AS (
    SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::text[], %s::bigint[])
        WITH ORDINALITY AS q(instance_id, try_number, key, sending, n)
), {_FENCE}, gone AS (
    DELETE FROM task_entries e USING fence f JOIN asked q USING (instance_id, try_number)
    WHERE e.instance_id = f.instance_id AND e.key = q.key AND e.object_id IS NULL
        AND q.sending >= f.sending_floor
        AND (e.expires_at IS NULL OR e.expires_at > {_NOW.format("%s::bigint")})
    RETURNING q.n
)
SELECT n FROM gone
"""

_HEARTBEAT = f"""
WITH asked AS (
    SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::bigint[])
        WITH ORDINALITY AS q(instance_id, try_number, lease_us, n)
), {_FENCE}, renewed AS (
    UPDATE tries t SET lease_boot_id = %s, lease_until = {_NOW.format("%s::bigint")} + q.lease_us
    FROM fence f JOIN asked q USING (instance_id, try_number)
    WHERE t.instance_id = f.instance_id AND t.try_number = f.try_number
    RETURNING q.n
)
SELECT n FROM renewed
"""


class HotPath:
    """Statements over one connection, for calls no two of which write one key, or write and read it."""

    def __init__(
        self, connection: psycopg.Connection[Row], clock: Clock | None, *, passes_held: bool = False
    ) -> None:
        """With ``passes_held``, calls whose try another transaction holds are left to the long way."""
        self._connection = connection
        self._passes_held = passes_held
        self._instant = None if clock is None else clock()

    def answer(self, calls: Sequence[tuple[int, Call]], replies: Replies) -> None:
        """Add the replies by number, of those calls that a statement answered; each is committed.

        When a statement fails, those of the statements before it are there, and stand.
        """
        by_kind: dict[type, list[tuple[int, Call]]] = {}
        for numbered in calls:
            by_kind.setdefault(type(numbered[1].request), []).append(numbered)
        for kind, of_kind in by_kind.items():
            found = _STATEMENTS[kind](self, [call for _, call in of_kind])
            replies.update((of_kind[place - 1][0], reply) for place, reply in found)

    def get(self, calls: list[Call]) -> list[tuple[int, Any]]:
        keys = [call.request.key for call in calls]
        rows = self._rows(_GET, *_tries(calls), keys, self._wall_us)
        return [(row[0], m.Absent(keys[row[0] - 1]) if row[1] is None else _entry(row)) for row in rows]

    def set_(self, calls: list[Call]) -> list[tuple[int, Any]]:
        requests = [call.request for call in calls]
        rows = self._rows(
            _SET,
            *_tries(calls),
            [request.key for request in requests],
            _sendings(calls),
            [request.value for request in requests],
            [int(request.retention is None) for request in requests],
            [expires_at(request.retention, 0) for request in requests],
            self._wall_us,
        )
        return [(place, m.Written(version)) for place, version in rows]

    def delete(self, calls: list[Call]) -> list[tuple[int, Any]]:
        keys = [call.request.key for call in calls]
        rows = self._rows(_DELETE, *_tries(calls), keys, _sendings(calls), self._wall_us)
        return [(place, m.Written(removed=1)) for (place,) in rows]

    def heartbeat(self, calls: list[Call]) -> list[tuple[int, Any]]:
        seconds = [call.request.lease_seconds for call in calls]
        clock = (BOOT_ID, None) if self._instant is None else (self._instant.boot_id, self._instant.boot_us)
        rows = self._rows(_HEARTBEAT, *_tries(calls), list(map(lease_us, seconds)), *clock)
        return [(place, m.LeaseRenewed(seconds[place - 1])) for (place,) in rows]

    @property
    def _wall_us(self) -> int | None:
        return None if self._instant is None else self._instant.wall_us

    def _rows(self, sql: str, *parameters: Any) -> Rows:
        if self._passes_held:
            sql = sql.replace(_LOCK, _LOCK + " SKIP LOCKED")
        return self._connection.execute(sql, parameters, prepare=True, binary=True).fetchall()


_STATEMENTS: dict[type, Callable[[HotPath, list[Call]], list[tuple[int, Any]]]] = {
    m.Get: HotPath.get,
    m.Set: HotPath.set_,
    m.Delete: HotPath.delete,
    m.Heartbeat: HotPath.heartbeat,
}


def is_hot(call: Call, policy: Policy) -> bool:
    """Return whether a statement here may answer the call; what is wrong with it is told the long way."""
    request = call.request
    if type(request) not in _STATEMENTS or not isinstance(call.claims, m.TryClaims):
        return False
    try:
        if isinstance(request, m.Heartbeat):
            return lease_us(request.lease_seconds) > 0
        if request.target is not None or getattr(request, "if_version", None) is not None:
            return False
        check_key(request.key)
        if call.sending is not None and call.sending.floor:
            return isinstance(request, m.Get)
        if isinstance(request, m.Set):
            if request.if_absent or request.external is not None:
                return False
            check_value(policy, request.key, request.value)
            check_wire(request.retention)  # type: ignore[arg-type]  # whether it is "never" is what it checks
    except StatekeepError:
        return False
    return True


def _tries(calls: list[Call]) -> tuple[list[int], list[int]]:
    claims: list[Any] = [call.claims for call in calls]
    return [one.instance_id for one in claims], [one.try_number for one in claims]


def _sendings(calls: list[Call]) -> list[int]:
    """Return the number of each call; of a try that does not number its sendings none comes late."""
    return [_UNNUMBERED if call.sending is None else call.sending.number for call in calls]


def _entry(row: Row) -> m.Entry:
    _, key, value, version, size_bytes, updated_at, expiry, principal, try_number = row[:9]
    writer = m.Writer(principal, None if try_number is None else m.TaskAddress(*row[9:13]), try_number)
    external = None if row[13] is None else objects.external_of(row[13:])
    return m.Entry(key, value, version, size_bytes, updated_at, expiry, writer, external=external)
