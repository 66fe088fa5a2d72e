"""The statements on assets that go by what stands: writes that all see at once, and most of what is staged.

Each comes after another one, in the same round trip and transaction, that waits for the rows on which it
rests: so what it sees is what stands, and nobody changes it until the commit.
"""

from __future__ import annotations

from statekeep_core.metastore import staging

from . import value_expressions as values
from .hot_statements import FENCED, FRESH, LOCK, RECORD, RECORDED, WHO, entry_reply, statement

_TRIES = f"""SELECT FROM tries t WHERE (t.instance_id, t.try_number) IN (
        SELECT instance_id, try_number FROM asked)
    ORDER BY t.instance_id, t.try_number {LOCK}"""
HOLD_TRIES = statement(f"WITH asked AS (ASKED) {_TRIES}", WHO)
# The tries come first: those of them that are not locked yet hold up the count.
HOLD_ASSETS = statement(
    f"""
WITH asked AS MATERIALIZED (ASKED), held AS MATERIALIZED ({_TRIES})
SELECT FROM assets a WHERE a.asset_id IN (SELECT asset_id FROM asked) AND (SELECT count(*) FROM held) >= 0
ORDER BY a.asset_id FOR NO KEY UPDATE OF a
""",
    f"{WHO}, asset_id bigint",
)

# What stands for everybody under the key of `f`, with the try's right to write it.
_STANDING = """e.version IS NOT NULL AS stands, e.value AS old, e.version AS old_version,
        e.updated_at AS old_updated_at, e.expires_at AS old_expires_at, e.writer_principal AS old_principal,
        e.writer_try_number AS old_try_number, e.writer_instance_id AS old_instance_id
    FROM fresh f
    JOIN asset_grants g ON g.instance_id = f.instance_id AND g.try_number = f.try_number
        AND g.asset_id = f.asset_id AND g.writable = 1
    JOIN assets a ON a.asset_id = f.asset_id AND a.deactivated_at IS NULL
    LEFT JOIN asset_entries e ON e.asset_id = f.asset_id AND e.key = f.key
        AND (e.expires_at IS NULL OR e.expires_at > f.now_us)"""
_STAGED = """SELECT FROM staged_operations s WHERE s.instance_id = f.instance_id
        AND s.try_number = f.try_number AND s.asset_id = f.asset_id"""
_HOLDS = """(f.if_version IS NULL OR f.stands AND f.old_version = f.if_version)
        AND (f.if_absent = 0 OR NOT f.stands)"""

# Not over what lies elsewhere, in the entry or its history: whoever lets go of that has it to settle.
_NOTHING_ELSEWHERE = " AND ".join(
    f"""NOT EXISTS (SELECT FROM {table} x WHERE x.asset_id = f.asset_id AND x.key = f.key
        AND x.object_id IS NOT NULL)"""
    for table in ("asset_entries", "asset_history")
)
_WRITTEN_REPLY = """json_build_object('kind', 'Written',
            'version', CASE w.kind WHEN 'set' THEN w.new_version END,
            'removed', (w.change = 'delete')::integer, 'left', json_build_array())"""
APPLY_NOW = statement(
    f"""
WITH {FENCED}, {FRESH}, standing AS MATERIALIZED (
    SELECT f.*, {_STANDING}
    WHERE NOT EXISTS ({_STAGED} AND s.key IN (f.key, '')) AND {_NOTHING_ELSEWHERE}
), judged AS MATERIALIZED (
    SELECT f.*, CASE
        WHEN NOT ({_HOLDS}) THEN NULL
        WHEN f.kind = 'delete' THEN CASE WHEN f.stands THEN 'delete' ELSE '' END
        WHEN f.kind = 'set' OR NOT f.stands THEN 'set'
        WHEN f.kind = 'increment' THEN CASE WHEN {values.small_integer("f.old")} THEN 'set' END
        ELSE CASE {values.is_greater("f.operand", "f.old")} WHEN true THEN 'set' WHEN false THEN '' END
    END AS change FROM standing f
), drawn AS MATERIALIZED (
    SELECT f.*, CASE WHEN f.change <> '' THEN nextval('store_versions') END AS new_version,
        CASE WHEN f.change = 'set' THEN CASE WHEN f.kind = 'increment' AND f.stands
            THEN {values.sum_of("f.old", "f.operand")} ELSE f.operand END END AS new_value
    FROM judged f WHERE f.change IS NOT NULL
), put AS (
    INSERT INTO asset_entries (asset_id, key, value, version, updated_at, expires_at, writer_principal,
        writer_instance_id, writer_try_number)
    SELECT asset_id, key, new_value, new_version, now_us, now_us + retention_us, writer, instance_id,
        try_number FROM drawn WHERE change = 'set'
    ON CONFLICT (asset_id, key) DO UPDATE SET value = excluded.value, version = excluded.version,
        updated_at = excluded.updated_at, expires_at = excluded.expires_at,
        writer_principal = excluded.writer_principal, writer_instance_id = excluded.writer_instance_id,
        writer_try_number = excluded.writer_try_number
), removed AS (
    DELETE FROM asset_entries e USING drawn f
    WHERE f.change = 'delete' AND e.asset_id = f.asset_id AND e.key = f.key
), noted AS (
    INSERT INTO asset_history (asset_id, key, version, change, value, changed_at, writer_principal,
        writer_instance_id, writer_try_number)
    SELECT asset_id, key, new_version, change, new_value, now_us, writer, instance_id, try_number
    FROM drawn WHERE change <> ''
), forgotten AS (
    DELETE FROM asset_history h USING drawn f
    WHERE f.change <> '' AND h.asset_id = f.asset_id AND h.key = f.key AND h.version <= (
        SELECT o.version FROM asset_history o WHERE o.asset_id = f.asset_id AND o.key = f.key
        ORDER BY o.version DESC LIMIT 1 OFFSET f.keep_versions - 1)
), written AS (
    SELECT f.n, f.kind, f.change, f.new_version,
        CASE f.change WHEN 'set' THEN f.new_value ELSE f.old END AS value,
        CASE f.change WHEN 'set' THEN f.new_version ELSE f.old_version END AS version,
        CASE f.change WHEN 'set' THEN f.now_us ELSE f.old_updated_at END AS updated_at,
        CASE f.change WHEN 'set' THEN f.now_us + f.retention_us ELSE f.old_expires_at END AS expires_at,
        CASE f.change WHEN 'set' THEN f.writer ELSE f.old_principal END AS writer_principal,
        CASE f.change WHEN 'set' THEN f.try_number ELSE f.old_try_number END AS writer_try_number,
        i.dag_id, i.run_id, i.task_id, i.map_index
    FROM drawn f LEFT JOIN task_instances i
        ON i.instance_id = CASE f.change WHEN 'set' THEN f.instance_id ELSE f.old_instance_id END
), {
        RECORDED.format(
            f'''CASE WHEN w.kind IN ('set', 'delete') THEN {_WRITTEN_REPLY}
        ELSE {entry_reply("f.key", "w", "w.writer_principal", "w")} END::text''',
            "n",
        )
    }
SELECT w.n, f.key, w.value, w.version, length(w.value), w.updated_at, w.expires_at, w.writer_principal,
    w.writer_try_number, w.dag_id, w.run_id, w.task_id, w.map_index, w.kind, w.change
FROM written w JOIN fresh f USING (n)
""",
    f"{WHO}, asset_id bigint, key text, kind text, operand bytea, retention_us bigint, if_version bigint,"
    f" if_absent smallint, keep_versions integer, {RECORD}",
)

# What the operation and the one that is staged for the key already come to, as staging.stage() has it: the
# row that is kept. It is null where two rows would be, which the long way tells.
_KEPT = f"""CASE
        WHEN f.earlier IS NULL THEN f.kind
        WHEN f.if_version IS NOT NULL OR f.if_absent = 1 THEN NULL
        WHEN f.earlier_kind IN ('set', 'delete') THEN CASE f.kind WHEN 'delete' THEN 'delete' ELSE 'set' END
        WHEN f.kind <> f.earlier_kind OR f.retention IS DISTINCT FROM f.earlier_retention THEN NULL
        WHEN f.kind = 'increment' THEN f.kind
        WHEN {values.compares_in_any_order("f.operand")} AND {values.compares_in_any_order("f.earlier_value")}
            THEN f.kind
    END AS kept_kind, CASE
        WHEN f.earlier_value IS NULL OR f.kind = 'delete' THEN f.operand
        WHEN f.kind = 'increment' THEN CASE WHEN {values.small_integer("f.earlier_value")}
            THEN {values.sum_of("f.earlier_value", "f.operand")} END
        ELSE CASE {values.is_greater("f.operand", "f.earlier_value")} WHEN true THEN f.operand
            WHEN false THEN f.earlier_value END
    END AS kept_value"""
# What the try sees then: the value, or (`is_base`) the entry that everybody sees.
_SEEN = f"""CASE
        WHEN f.kept_kind IN ('set', 'delete') OR NOT f.stands THEN f.kept_value
        WHEN f.kept_kind = 'increment' THEN CASE WHEN {values.small_integer("f.old")}
            THEN {values.sum_of("f.old", "f.kept_value")} END
        ELSE CASE {values.is_greater("f.kept_value", "f.old")} WHEN true THEN f.kept_value
            WHEN false THEN f.old END
    END AS seen_value"""
_STAGED_ENTRY = """json_build_object('kind', 'Entry', 'key', f.key,
        'value', json_build_object('$base64', encode(w.value, 'base64')), 'version', NULL,
        'size_bytes', length(w.value), 'is_relative', w.is_relative)"""
STAGE = statement(
    f"""
WITH {FENCED}, {FRESH}, standing AS MATERIALIZED (
    SELECT f.*, s.position AS earlier, s.operation AS earlier_kind, s.value AS earlier_value,
        s.retention AS earlier_retention, {_STANDING}
    LEFT JOIN staged_operations s ON s.instance_id = f.instance_id AND s.try_number = f.try_number
        AND s.asset_id = f.asset_id AND s.key = f.key
    WHERE s.object_id IS NULL AND e.object_id IS NULL AND NOT EXISTS ({_STAGED} AND s.key = '')
        AND NOT EXISTS ({_STAGED} AND s.key = f.key OFFSET 1)
), kept AS MATERIALIZED (
    SELECT f.*, {_KEPT} FROM standing f WHERE {_HOLDS}
), judged AS MATERIALIZED (
    SELECT f.*, {_SEEN} FROM kept f WHERE f.kept_kind IS NOT NULL
), may_stage AS MATERIALIZED (
    SELECT f.*, f.kept_kind = 'set_max' AND f.stands AND f.seen_value = f.old AS is_base
    FROM judged f WHERE f.kind = 'delete' OR f.seen_value IS NOT NULL
), counted AS (
    UPDATE tries t SET staged_operations = t.staged_operations + s.operations,
        staged_bytes = t.staged_bytes + s.size_bytes
    FROM (SELECT instance_id, try_number, count(*) AS operations, sum(size_bytes)::bigint AS size_bytes
        FROM may_stage GROUP BY instance_id, try_number) s
    WHERE t.instance_id = s.instance_id AND t.try_number = s.try_number
        AND t.staged_operations + s.operations <= {staging.MAX_OPERATIONS}
        AND t.staged_bytes + s.size_bytes <= {staging.MAX_BYTES}
    RETURNING t.instance_id, t.try_number
), numbered AS MATERIALIZED (
    SELECT f.*, f.staged_operations
        + row_number() OVER (PARTITION BY f.instance_id, f.try_number ORDER BY f.n) AS position
    FROM may_stage f JOIN counted USING (instance_id, try_number)
), folded AS (
    UPDATE staged_operations s SET operation = f.kept_kind, value = f.kept_value,
        retention = CASE WHEN f.kind = 'set_max' AND f.kept_value = f.earlier_value THEN s.retention
            ELSE f.retention END
    FROM numbered f
    WHERE s.instance_id = f.instance_id AND s.try_number = f.try_number AND s.position = f.earlier
), staged AS (
    INSERT INTO staged_operations
        (instance_id, try_number, position, asset_id, key, operation, value, retention, if_version, if_absent)
    SELECT instance_id, try_number, position, asset_id, key, kind, operand, retention, if_version, if_absent
    FROM numbered WHERE earlier IS NULL
), written AS (
    SELECT f.n, f.kind, f.seen_value AS value, f.is_base, f.kept_kind <> 'set' AS is_relative,
        (f.kind = 'delete' AND CASE WHEN f.earlier IS NULL THEN f.stands ELSE f.earlier_kind = 'set' END
            )::integer AS removed,
        f.old_version AS version, f.old_updated_at AS updated_at, f.old_expires_at AS expires_at,
        f.old_principal AS writer_principal, f.old_try_number AS writer_try_number,
        i.dag_id, i.run_id, i.task_id, i.map_index
    FROM numbered f LEFT JOIN task_instances i ON i.instance_id = f.old_instance_id
), {
        RECORDED.format(
            f'''CASE WHEN w.kind IN ('set', 'delete') THEN json_build_object('kind', 'Written',
            'version', NULL, 'removed', w.removed, 'left', json_build_array())
        WHEN w.is_base THEN {entry_reply("f.key", "w", "w.writer_principal", "w")}
        ELSE {_STAGED_ENTRY} END::text''',
            "n",
        )
    }
SELECT w.n, f.key, w.value, w.version, length(w.value), w.updated_at, w.expires_at, w.writer_principal,
    w.writer_try_number, w.dag_id, w.run_id, w.task_id, w.map_index, w.kind, w.removed, w.is_base,
    w.is_relative
FROM written w JOIN fresh f USING (n)
""",
    f"{WHO}, asset_id bigint, key text, kind text, operand bytea, retention text, size_bytes bigint,"
    f" if_version bigint, if_absent smallint, {RECORD}",
)
