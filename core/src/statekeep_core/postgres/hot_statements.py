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

LOCK = "FOR NO KEY UPDATE OF t"

_NOW = "coalesce({}, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)"
_WHO = "instance_id bigint, try_number integer"
# Who asks for what is recorded, under which id, the digest of what was asked, and the number of its sending.
_RECORD = "principal text, request_id text, digest bytea, sending bigint"


class HotStatement(NamedTuple):
    """``one`` takes the parameters of a single request, ``many`` lists of them; a given time is the last."""

    one: str
    many: str


def _statement(text: str, columns: str) -> HotStatement:
    """Return a statement on ``asked``: what is asked for, one row each, numbered from 1 as ``n``."""
    pairs = [column.split() for column in columns.split(", ")]
    one = ", ".join(f"%s::{kind} AS {name}" for name, kind in pairs)
    lists = ", ".join(f"%s::{kind}[]" for _, kind in pairs)
    names = ", ".join(name for name, _ in pairs)
    return HotStatement(
        text.replace("ASKED", f"SELECT {one}, 1::bigint AS n"),
        text.replace("ASKED", f"SELECT * FROM unnest({lists}) WITH ORDINALITY AS q({names}, n)"),
    )


# Those of `asked` whose try is current, with its names and the time.
_FENCED = f"""asked AS (ASKED), given AS (SELECT %s::bigint AS now_us), fence AS MATERIALIZED (
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
_FRESH = """fresh AS (
    SELECT * FROM fenced f WHERE f.sending >= f.sending_floor AND NOT EXISTS (
        SELECT FROM request_log r WHERE r.principal = f.principal AND r.request_id = f.request_id)
)"""
_RECORDED = """recorded AS (
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
_OVER_IT = """version = excluded.version,
        updated_at = excluded.updated_at, keeps_default = excluded.keeps_default,
        expires_at = excluded.expires_at, writer_try_number = excluded.writer_try_number,
        writer_principal = excluded.writer_principal"""
_CONTENT = "key text, value bytea, keeps_default smallint, retention_us bigint"
# While a try runs, nothing of its task expires by default.
_IS_GONE = "e.expires_at <= excluded.updated_at"

_ENTRY = """q.n, e.key, e.value, e.version, coalesce(x.size_bytes, length(e.value)), e.updated_at, {},
    e.writer_principal, e.writer_try_number, i.dag_id, i.run_id, i.task_id, i.map_index, """
_ENTRY += objects.COLUMNS.replace("size_bytes", "x.size_bytes")
_AT = _NOW.format("%s::bigint")

GET = _statement(
    f"""
SELECT {_ENTRY.format("CASE e.keeps_default WHEN 0 THEN e.expires_at END")}
FROM (ASKED) q
JOIN tries t ON t.instance_id = q.instance_id AND t.try_number = q.try_number AND t.status = 'running'
JOIN task_instances i ON i.instance_id = q.instance_id
LEFT JOIN task_entries e ON e.instance_id = q.instance_id AND e.key = q.key
    AND (e.expires_at IS NULL OR e.expires_at > {_AT})
LEFT JOIN external_objects x USING (object_id)
""",
    f"{_WHO}, key text",
)

# Not what the try has staged itself: that is reckoned step by step.
ASSET_GET = _statement(
    f"""
SELECT {_ENTRY.format("e.expires_at")}
FROM (ASKED) q
JOIN tries t ON t.instance_id = q.instance_id AND t.try_number = q.try_number AND t.status = 'running'
JOIN asset_grants g ON g.instance_id = q.instance_id AND g.try_number = q.try_number
    AND g.asset_id = q.asset_id
LEFT JOIN asset_entries e ON e.asset_id = q.asset_id AND e.key = q.key
    AND (e.expires_at IS NULL OR e.expires_at > {_AT})
LEFT JOIN task_instances i ON i.instance_id = e.writer_instance_id
LEFT JOIN external_objects x USING (object_id)
WHERE NOT EXISTS (SELECT FROM staged_operations s WHERE s.instance_id = q.instance_id
    AND s.try_number = q.try_number AND s.asset_id = q.asset_id AND s.key IN (q.key, ''))
""",
    f"{_WHO}, asset_id bigint, key text",
)

SET = _statement(
    f"""
WITH {_FENCED}, written AS (
    {_TO_ENTRY} FROM fenced f WHERE f.sending >= f.sending_floor
    ON CONFLICT (instance_id, key) DO UPDATE SET value = excluded.value, {_OVER_IT}
    WHERE e.object_id IS NULL
    RETURNING e.instance_id, e.key, e.version
)
SELECT q.n, w.version FROM written w JOIN asked q ON q.instance_id = w.instance_id AND q.key = w.key
""",
    f"{_WHO}, {_CONTENT}, sending bigint",
)

DELETE = _statement(
    f"""
WITH {_FENCED}, gone AS (
    DELETE FROM task_entries e USING fenced f
    WHERE e.instance_id = f.instance_id AND e.key = f.key AND e.object_id IS NULL
        AND f.sending >= f.sending_floor AND (e.expires_at IS NULL OR e.expires_at > f.now_us)
    RETURNING f.n
)
SELECT f.n, (gone.n IS NOT NULL)::integer FROM fenced f LEFT JOIN gone USING (n)
WHERE f.sending >= f.sending_floor AND (gone.n IS NOT NULL OR NOT EXISTS (
    SELECT FROM task_entries e WHERE e.instance_id = f.instance_id AND e.key = f.key))
""",
    f"{_WHO}, key text, sending bigint",
)

SET_IF_VERSION = _statement(
    f"""
WITH {_FENCED}, {_FRESH}, written AS (
    UPDATE task_entries e SET value = f.value, version = nextval('store_versions'), updated_at = f.now_us,
        keeps_default = f.keeps_default, expires_at = f.now_us + f.retention_us,
        writer_try_number = f.try_number, writer_principal = f.writer
    FROM fresh f WHERE e.instance_id = f.instance_id AND e.key = f.key AND e.version = f.if_version
        AND e.object_id IS NULL AND (e.expires_at IS NULL OR e.expires_at > f.now_us)
    RETURNING f.n, e.version
), {_RECORDED.format(_WRITTEN_REPLY, "n")}
SELECT n, version FROM written
""",
    f"{_WHO}, {_CONTENT}, if_version bigint, {_RECORD}",
)

SET_IF_ABSENT = _statement(
    f"""
WITH {_FENCED}, {_FRESH}, written AS (
    {_TO_ENTRY} FROM fresh f
    ON CONFLICT (instance_id, key) DO UPDATE SET value = excluded.value, {_OVER_IT}
    WHERE e.object_id IS NULL AND {_IS_GONE}
    RETURNING e.instance_id, e.key, e.version
), {_RECORDED.format(_WRITTEN_REPLY, "instance_id, key")}
SELECT q.n, w.version FROM written w JOIN asked q ON q.instance_id = w.instance_id AND q.key = w.key
""",
    f"{_WHO}, {_CONTENT}, {_RECORD}",
)

# Of integers whose sum 64 bits hold; `value` is what is added. The others are added the long way.
SMALL_INTEGER = "(0|-?[1-9][0-9]{0,17})"
_TEXT_OF = "convert_from({}.value, 'UTF8')"
_SUM = f"({_TEXT_OF.format('e')}::bigint + {_TEXT_OF.format('excluded')}::bigint)::text"
_SUMMED_REPLY = """json_build_object('kind', 'Entry', 'key', f.key,
        'value', json_build_object('$base64', encode(w.value, 'base64')), 'version', w.version,
        'size_bytes', length(w.value), 'updated_at', f.now_us, 'expires_at', f.now_us + f.retention_us,
        'writer', json_build_object('kind', 'Writer', 'principal', f.writer, 'task', json_build_object(
            'kind', 'TaskAddress', 'dag_id', f.dag_id, 'run_id', f.run_id, 'task_id', f.task_id,
            'map_index', f.map_index), 'try_number', f.try_number))::text"""
INCREMENT = _statement(
    f"""
WITH {_FENCED}, {_FRESH}, written AS (
    {_TO_ENTRY} FROM fresh f
    ON CONFLICT (instance_id, key) DO UPDATE SET
        value = CASE WHEN {_IS_GONE} THEN excluded.value ELSE convert_to({_SUM}, 'UTF8') END, {_OVER_IT}
    WHERE e.object_id IS NULL AND ({_IS_GONE} OR CASE WHEN length(e.value) < 20
        THEN {_TEXT_OF.format("e")} ~ '^{SMALL_INTEGER}$' ELSE false END)
    RETURNING e.instance_id, e.key, e.value, e.version
), {_RECORDED.format(_SUMMED_REPLY, "instance_id, key")}
SELECT f.n, w.key, w.value, w.version, length(w.value), f.now_us, f.now_us + f.retention_us, f.writer,
    f.try_number, f.dag_id, f.run_id, f.task_id, f.map_index
FROM written w JOIN fresh f USING (instance_id, key)
""",
    f"{_WHO}, {_CONTENT}, {_RECORD}",
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
STAGE_SET = _statement(
    f"""
WITH {_FENCED}, {_FRESH}, {_MAY_STAGE}, counted AS (
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
), written AS (SELECT n FROM numbered), {_RECORDED.format(_STAGED_REPLY, "n")}
SELECT n FROM written
""",
    f"{_WHO}, asset_id bigint, key text, value bytea, retention text, size_bytes bigint, {_RECORD}",
)

HEARTBEAT = _statement(
    f"""
WITH {_FENCED}, renewed AS (
    UPDATE tries t SET lease_boot_id = f.boot_id, lease_until = f.now_us + f.lease_us FROM fenced f
    WHERE t.instance_id = f.instance_id AND t.try_number = f.try_number
    RETURNING f.n
)
SELECT n FROM renewed
""",
    f"{_WHO}, boot_id text, lease_us bigint",
)
