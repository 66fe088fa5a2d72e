"""The statements for the requests that tasks send most, for one of a kind and for many together.

Each has its fence in it: the try's row, locked in the order of its key, so that no two groups wait for each
other. A try that another transaction has just ended is looked at again when the lock is there, and is no row
then; so is the floor of its sendings, which is that of the row as it was locked. Versions are drawn, and the
time is read, for a row that has passed the fence. What a write rests on besides is judged on the row that it
changes, not on the one that the statement saw when it began.
"""

from __future__ import annotations

from typing import NamedTuple

from statekeep_core.metastore import objects, staging

from . import value_expressions as values

LOCK = "FOR NO KEY UPDATE OF t"

_NOW = "coalesce({}, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)"
WHO = "instance_id bigint, try_number integer"
# Who asks for what is recorded, under which id, the digest of what was asked, and the number of its sending.
RECORD = "principal text, request_id text, digest bytea, sending bigint"


class HotStatement(NamedTuple):
    """``one`` takes the parameters of a single request, ``many`` lists of them; a given time is the last."""

    one: str
    many: str


def statement(text: str, columns: str) -> HotStatement:
    """Return a statement on ``asked``: what is asked for, one row each, numbered from 1 as ``n``."""
    pairs = [column.split() for column in columns.split(", ")]
    one = ", ".join(f"%s::{kind} AS {name}" for name, kind in pairs)
    lists = ", ".join(f"%s::{kind}[]" for _, kind in pairs)
    names = ", ".join(name for name, _ in pairs)
    return HotStatement(
        text.replace("ASKED", f"SELECT {one}, 1::bigint AS n"),
        text.replace("ASKED", f"SELECT * FROM unnest({lists}) WITH ORDINALITY AS q({names}, n)"),
    )


def entry_reply(key: str, row: str, principal: str, task: str) -> str:
    """Return an expression for the entry that a row with these aliases is, as JSON."""
    number = f"{row}.writer_try_number"
    names = ", ".join(f"'{name}', {task}.{name}" for name in ("dag_id", "run_id", "task_id", "map_index"))
    return f"""json_build_object('kind', 'Entry', 'key', {key},
        'value', json_build_object('$base64', encode({row}.value, 'base64')), 'version', {row}.version,
        'size_bytes', length({row}.value), 'updated_at', {row}.updated_at, 'expires_at', {row}.expires_at,
        'writer', json_build_object('kind', 'Writer', 'principal', {principal}, 'task',
            CASE WHEN {number} IS NOT NULL THEN json_build_object('kind', 'TaskAddress', {names}) END,
            'try_number', {number}))"""


# Those of `asked` whose try is current, with its names and the time.
FENCED = f"""asked AS (ASKED), given AS (SELECT %s::bigint AS now_us), fence AS MATERIALIZED (
    SELECT t.instance_id, t.try_number, t.sending_floor, t.staged_operations, i.ti_id, i.dag_id,
        i.run_id, i.task_id, i.map_index
    FROM tries t JOIN task_instances i USING (instance_id)
    WHERE (t.instance_id, t.try_number) IN (SELECT instance_id, try_number FROM asked)
        AND t.status = 'running'
    ORDER BY t.instance_id, t.try_number {LOCK}
), fenced AS (
    SELECT q.*, f.ti_id, f.sending_floor, f.staged_operations, f.dag_id, f.run_id, f.task_id, f.map_index,
        f.now_us, 'try:' || f.ti_id || ':' || f.try_number AS writer
    FROM (SELECT fence.*, {_NOW.format("given.now_us")} AS now_us FROM fence, given OFFSET 0) f
    JOIN asked q ON q.instance_id = f.instance_id AND q.try_number = f.try_number
)"""
# Not those that were given up, or answered before; of one that is answered at this moment, the record is in
# the way, and the statement fails.
FRESH = """fresh AS (
    SELECT * FROM fenced f WHERE f.sending >= f.sending_floor AND NOT EXISTS (
        SELECT FROM request_log r WHERE r.principal = f.principal AND r.request_id = f.request_id)
)"""
RECORDED = """recorded AS (
    INSERT INTO request_log (principal, request_id, digest, reply, recorded_at, instance_id, try_number)
    SELECT f.principal, f.request_id, f.digest, {}, f.now_us, f.instance_id, f.try_number
    FROM written w JOIN fresh f USING ({})
)"""
_WRITTEN_REPLY = """'{"kind":"Written","version":' || w.version || ',"removed":0,"left":[]}'"""
_STAGED_REPLY = """'{"kind":"Written","version":null,"removed":0,"left":[]}'"""
_TO_ENTRY = """INSERT INTO task_entries AS e (instance_id, key, value, version, updated_at, keeps_default,
        expires_at, writer_try_number, writer_principal)
    SELECT f.instance_id, f.key, f.value, nextval('store_versions'), f.now_us, f.keeps_default,
        f.now_us + f.retention_us, f.try_number, f.writer"""
_WRITTEN_COLUMNS = (
    "value",
    "version",
    "updated_at",
    "keeps_default",
    "expires_at",
    "writer_try_number",
    "writer_principal",
)
_OVER_IT = ", ".join(f"{column} = excluded.{column}" for column in _WRITTEN_COLUMNS[1:])
_CONTENT = "key text, value bytea, keeps_default smallint, retention_us bigint"
# While a try runs, nothing of its task expires by default.
_IS_GONE = "e.expires_at <= excluded.updated_at"

ENTRY = """q.n, e.key, e.value, e.version, coalesce(x.size_bytes, length(e.value)), e.updated_at, {},
    e.writer_principal, e.writer_try_number, i.dag_id, i.run_id, i.task_id, i.map_index, """
ENTRY += objects.COLUMNS.replace("size_bytes", "x.size_bytes")
AT = _NOW.format("%s::bigint")

GET = statement(
    f"""
SELECT {ENTRY.format("CASE e.keeps_default WHEN 0 THEN e.expires_at END")}
FROM (ASKED) q
JOIN tries t ON t.instance_id = q.instance_id AND t.try_number = q.try_number AND t.status = 'running'
JOIN task_instances i ON i.instance_id = q.instance_id
LEFT JOIN task_entries e ON e.instance_id = q.instance_id AND e.key = q.key
    AND (e.expires_at IS NULL OR e.expires_at > {AT})
LEFT JOIN external_objects x USING (object_id)
""",
    f"{WHO}, key text",
)

# Not what the try has staged itself: that is reckoned step by step.
ASSET_GET = statement(
    f"""
SELECT {ENTRY.format("e.expires_at")}
FROM (ASKED) q
JOIN tries t ON t.instance_id = q.instance_id AND t.try_number = q.try_number AND t.status = 'running'
JOIN asset_grants g ON g.instance_id = q.instance_id AND g.try_number = q.try_number
    AND g.asset_id = q.asset_id
LEFT JOIN asset_entries e ON e.asset_id = q.asset_id AND e.key = q.key
    AND (e.expires_at IS NULL OR e.expires_at > {AT})
LEFT JOIN task_instances i ON i.instance_id = e.writer_instance_id
LEFT JOIN external_objects x USING (object_id)
WHERE NOT EXISTS (SELECT FROM staged_operations s WHERE s.instance_id = q.instance_id
    AND s.try_number = q.try_number AND s.asset_id = q.asset_id AND s.key IN (q.key, ''))
""",
    f"{WHO}, asset_id bigint, key text",
)

SET = statement(
    f"""
WITH {FENCED}, written AS (
    {_TO_ENTRY} FROM fenced f WHERE f.sending >= f.sending_floor
    ON CONFLICT (instance_id, key) DO UPDATE SET value = excluded.value, {_OVER_IT}
    WHERE e.object_id IS NULL
    RETURNING e.instance_id, e.key, e.version
)
SELECT q.n, w.version FROM written w JOIN asked q ON q.instance_id = w.instance_id AND q.key = w.key
""",
    f"{WHO}, {_CONTENT}, sending bigint",
)

DELETE = statement(
    f"""
WITH {FENCED}, gone AS (
    DELETE FROM task_entries e USING fenced f
    WHERE e.instance_id = f.instance_id AND e.key = f.key AND e.object_id IS NULL
        AND f.sending >= f.sending_floor AND (e.expires_at IS NULL OR e.expires_at > f.now_us)
    RETURNING f.n
)
SELECT f.n, (gone.n IS NOT NULL)::integer FROM fenced f LEFT JOIN gone USING (n)
WHERE f.sending >= f.sending_floor AND (gone.n IS NOT NULL OR NOT EXISTS (
    SELECT FROM task_entries e WHERE e.instance_id = f.instance_id AND e.key = f.key))
""",
    f"{WHO}, key text, sending bigint",
)

SET_IF_VERSION = statement(
    f"""
WITH {FENCED}, {FRESH}, written AS (
    UPDATE task_entries e SET value = f.value, version = nextval('store_versions'), updated_at = f.now_us,
        keeps_default = f.keeps_default, expires_at = f.now_us + f.retention_us,
        writer_try_number = f.try_number, writer_principal = f.writer
    FROM fresh f WHERE e.instance_id = f.instance_id AND e.key = f.key AND e.version = f.if_version
        AND e.object_id IS NULL AND (e.expires_at IS NULL OR e.expires_at > f.now_us)
    RETURNING f.n, e.version
), {RECORDED.format(_WRITTEN_REPLY, "n")}
SELECT n, version FROM written
""",
    f"{WHO}, {_CONTENT}, if_version bigint, {RECORD}",
)

SET_IF_ABSENT = statement(
    f"""
WITH {FENCED}, {FRESH}, written AS (
    {_TO_ENTRY} FROM fresh f
    ON CONFLICT (instance_id, key) DO UPDATE SET value = excluded.value, {_OVER_IT}
    WHERE e.object_id IS NULL AND {_IS_GONE}
    RETURNING e.instance_id, e.key, e.version
), {RECORDED.format(_WRITTEN_REPLY, "instance_id, key")}
SELECT q.n, w.version FROM written w JOIN asked q ON q.instance_id = w.instance_id AND q.key = w.key
""",
    f"{WHO}, {_CONTENT}, {RECORD}",
)

# Of a row that `w` is, written by a try, or operator, of the task that `f` names.
_ENTRY_REPLY = f"""{entry_reply("f.key", "w", "w.writer_principal", "f")}::text"""
_ENTRY_COLUMNS = """w.key, w.value, w.version, length(w.value), w.updated_at,
    w.expires_at, w.writer_principal, w.writer_try_number, f.dag_id, f.run_id, f.task_id, f.map_index"""
# While a try runs, nothing that keeps the default expires.
_AS_IT_STANDS = """RETURNING e.instance_id, e.key, e.value, e.version, e.updated_at,
        CASE e.keeps_default WHEN 0 THEN e.expires_at END AS expires_at, e.writer_principal,
        e.writer_try_number"""
INCREMENT = statement(
    f"""
WITH {FENCED}, {FRESH}, written AS (
    {_TO_ENTRY} FROM fresh f
    ON CONFLICT (instance_id, key) DO UPDATE SET value = CASE WHEN {_IS_GONE} THEN excluded.value
        ELSE {values.sum_of("e.value", "excluded.value")} END, {_OVER_IT}
    WHERE e.object_id IS NULL AND ({_IS_GONE} OR {values.small_integer("e.value")})
    {_AS_IT_STANDS}
), {RECORDED.format(_ENTRY_REPLY, "instance_id, key")}
SELECT f.n, {_ENTRY_COLUMNS} FROM written w JOIN fresh f USING (instance_id, key)
""",
    f"{WHO}, {_CONTENT}, {RECORD}",
)

# What is not raised is overwritten with itself: so it is told as it stands under the lock.
_RAISED = ", ".join(
    f"CASE WHEN r.is_raised THEN excluded.{column} ELSE e.{column} END" for column in _WRITTEN_COLUMNS
)
SET_MAX = statement(
    f"""
WITH {FENCED}, {FRESH}, written AS (
    {_TO_ENTRY} FROM fresh f
    ON CONFLICT (instance_id, key) DO UPDATE SET ({", ".join(_WRITTEN_COLUMNS)}) = (SELECT {_RAISED}
        FROM (SELECT {_IS_GONE} OR {values.is_greater("excluded.value", "e.value")} AS is_raised OFFSET 0) r)
    WHERE e.object_id IS NULL
        AND ({_IS_GONE} OR ({values.is_greater("excluded.value", "e.value")}) IS NOT NULL)
    {_AS_IT_STANDS}
), {RECORDED.format(_ENTRY_REPLY, "instance_id, key")}
SELECT f.n, {_ENTRY_COLUMNS} FROM written w JOIN fresh f USING (instance_id, key)
""",
    f"{WHO}, {_CONTENT}, {RECORD}",
)

# Not when an operation was staged between the statement's begin and its lock: it would not know where to add.
_MAY_STAGE = """may_stage AS (
    SELECT f.* FROM fresh f
    JOIN asset_grants g ON g.instance_id = f.instance_id AND g.try_number = f.try_number
        AND g.asset_id = f.asset_id AND g.writable = 1
    JOIN assets a ON a.asset_id = f.asset_id AND a.deactivated_at IS NULL
    JOIN tries seen ON seen.instance_id = f.instance_id AND seen.try_number = f.try_number
        AND seen.staged_operations = f.staged_operations
    WHERE NOT EXISTS (SELECT FROM staged_operations s WHERE s.instance_id = f.instance_id
        AND s.try_number = f.try_number AND s.asset_id = f.asset_id AND s.key = f.key
        AND s.object_id IS NOT NULL)
)"""
# What is staged already for the key takes the operation in, as staging.stage() has it; a clear does not.
STAGE_SET = statement(
    f"""
WITH {FENCED}, {FRESH}, {_MAY_STAGE}, counted AS (
    UPDATE tries t SET staged_operations = t.staged_operations + s.operations,
        staged_bytes = t.staged_bytes + s.size_bytes
    FROM (SELECT instance_id, try_number, count(*) AS operations, sum(size_bytes)::bigint AS size_bytes
        FROM may_stage GROUP BY instance_id, try_number) s
    WHERE t.instance_id = s.instance_id AND t.try_number = s.try_number
        AND t.staged_operations + s.operations <= {staging.MAX_OPERATIONS}
        AND t.staged_bytes + s.size_bytes <= {staging.MAX_BYTES}
    RETURNING t.instance_id, t.try_number
), numbered AS (
    SELECT f.*, f.staged_operations
        + row_number() OVER (PARTITION BY f.instance_id, f.try_number ORDER BY f.n) AS position, (
        SELECT CASE s.key WHEN '' THEN NULL ELSE s.position END FROM staged_operations s
        WHERE s.instance_id = f.instance_id AND s.try_number = f.try_number AND s.asset_id = f.asset_id
            AND s.key IN (f.key, '')
        ORDER BY s.position DESC LIMIT 1) AS earlier
    FROM may_stage f JOIN counted USING (instance_id, try_number)
), folded AS (
    UPDATE staged_operations s SET operation = 'set', value = f.value, retention = f.retention
    FROM numbered f
    WHERE s.instance_id = f.instance_id AND s.try_number = f.try_number AND s.position = f.earlier
), staged AS (
    INSERT INTO staged_operations
        (instance_id, try_number, position, asset_id, key, operation, value, retention)
    SELECT f.instance_id, f.try_number, f.position, f.asset_id, f.key, 'set', f.value, f.retention
    FROM numbered f WHERE f.earlier IS NULL
), written AS (SELECT n FROM numbered), {RECORDED.format(_STAGED_REPLY, "n")}
SELECT n FROM written
""",
    f"{WHO}, asset_id bigint, key text, value bytea, retention text, size_bytes bigint, {RECORD}",
)

HEARTBEAT = statement(
    f"""
WITH asked AS (ASKED), given AS (SELECT %s::bigint AS now_us), fence AS MATERIALIZED (
    SELECT t.instance_id, t.try_number FROM tries t
    WHERE (t.instance_id, t.try_number) IN (SELECT instance_id, try_number FROM asked)
        AND t.status = 'running'
    ORDER BY t.instance_id, t.try_number {LOCK}
), renewed AS (
    UPDATE tries t SET lease_boot_id = f.boot_id, lease_until = f.now_us + f.lease_us
    FROM (SELECT q.*, {_NOW.format("given.now_us")} AS now_us
        FROM fence JOIN asked q USING (instance_id, try_number), given OFFSET 0) f
    WHERE t.instance_id = f.instance_id AND t.try_number = f.try_number
    RETURNING f.n
)
SELECT n FROM renewed
""",
    f"{WHO}, boot_id text, lease_us bigint",
)
