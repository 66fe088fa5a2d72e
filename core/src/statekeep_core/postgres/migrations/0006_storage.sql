-- How the tables are kept: docs/adr/0017 has the measurements. Nothing is rewritten; what is written from now on goes by it.
-- compatible from: 3

-- With a tenth of a page free, each update found room beside the row it replaces, and no index changed.
ALTER TABLE task_instances SET (fillfactor = 90);
ALTER TABLE tries SET (fillfactor = 90);
ALTER TABLE task_entries SET (fillfactor = 90);
ALTER TABLE asset_entries SET (fillfactor = 90);

-- The default waits for a fifth of a table, which is 20 million rows of 10^8: a fiftieth instead. What is only added to
-- is vacuumed by the same measure, so that its pages are known to be visible to all before they are many.
ALTER TABLE task_instances SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE tries SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE task_entries SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE asset_entries SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE asset_history SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE request_log SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
-- Each object leaves a dead entry in the index of what is not settled.
ALTER TABLE external_objects SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

-- A name or uri that no active asset has is looked for among those out of use: by it, and not through all of them.
CREATE INDEX inactive_assets_by_name ON assets USING hash (name)
    WHERE deactivated_at IS NOT NULL AND swept_at IS NULL AND name IS NOT NULL;
CREATE INDEX inactive_assets_by_uri ON assets USING hash (uri)
    WHERE deactivated_at IS NOT NULL AND swept_at IS NULL AND uri IS NOT NULL;

-- What is not settled in a transaction, by number, for its own settling: no transaction has to walk past what others
-- have left in the index since the oldest snapshot. An older server goes by the index, as before.
CREATE FUNCTION note_unsettled() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    noted text := coalesce(current_setting('statekeep.unsettled', true), '');
BEGIN
    IF length(noted) > 10000 THEN
        noted := 'many';
    ELSIF noted = '' THEN
        noted := NEW.object_id;
    ELSIF noted <> 'many' THEN
        noted := noted || ',' || NEW.object_id;
    END IF;
    PERFORM set_config('statekeep.unsettled', noted, true);
    RETURN NULL;
END
$$;
CREATE TRIGGER external_objects_note_unsettled AFTER INSERT OR UPDATE OF due_at ON external_objects
    FOR EACH ROW WHEN (NEW.due_at = 0) EXECUTE FUNCTION note_unsettled();

-- Gives what lost its last name in this transaction the instant at which it may be deleted: see objects.py.
CREATE FUNCTION settle_objects(falls_due_at bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    noted text := coalesce(current_setting('statekeep.unsettled', true), '');
    last_inherited bigint;
BEGIN
    IF noted = '' THEN
        RETURN;
    END IF;
    last_inherited := (SELECT coalesce(max(last_object_id), 0) FROM former_store_ids);
    IF noted = 'many' THEN
        UPDATE external_objects SET due_at = CASE WHEN object_id > last_inherited THEN falls_due_at ELSE -1 END
            WHERE due_at = 0;
    ELSE
        UPDATE external_objects SET due_at = CASE WHEN object_id > last_inherited THEN falls_due_at ELSE -1 END
            WHERE object_id = ANY (string_to_array(noted, ',')::bigint[]) AND due_at = 0;
    END IF;
    PERFORM set_config('statekeep.unsettled', '', true);
END
$$;
