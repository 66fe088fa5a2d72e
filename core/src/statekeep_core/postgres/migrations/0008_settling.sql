-- What is not settled in a transaction, by number, for its own settling: no transaction has to walk past what others
-- have left in the index since the oldest snapshot. An older server goes by the index, as before.
-- since: 0.2.0
-- compatible from: 3
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
