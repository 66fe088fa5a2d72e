-- The store on PostgreSQL. Tables and columns are those of the SQLite file, so that one set of statements
-- serves both; what is here and not there says why. Instants (`*_at`, `lease_until`) are microseconds since the
-- Unix epoch, UTC, by the clock of this database.
--
-- Every text is COLLATE "C": keys are compared byte for byte, whatever the database's own collation is. Texts
-- that can be longer than a B-tree takes (2,704 bytes) have hash indexes, which take any length.
-- since: 0.1.0

-- Drawn while the row that a version is for is locked, so that they grow with every write to a key.
CREATE SEQUENCE store_versions AS bigint CACHE 1;

-- `schema_version` is the last step that was applied here; `compatible_from` is the schema of the oldest
-- release that can still use what that step left.
CREATE TABLE store (
    only_row smallint PRIMARY KEY CHECK (only_row = 1),
    store_id text COLLATE "C" NOT NULL,
    schema_version integer NOT NULL,
    compatible_from integer NOT NULL,
    written_by_release text COLLATE "C" NOT NULL,
    swept_at bigint NOT NULL
);

CREATE TABLE task_instances (
    instance_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ti_id text COLLATE "C" NOT NULL UNIQUE,
    dag_id text COLLATE "C" NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    task_id text COLLATE "C" NOT NULL,
    map_index integer NOT NULL,
    current_try integer NOT NULL,
    last_active_at bigint NOT NULL,
    succeeded_at bigint
) WITH (fillfactor = 85);
-- Two names of 250 characters fit into an index entry, three do not; one instance is found by its ti_id.
CREATE INDEX task_instances_by_run ON task_instances (dag_id, run_id);

-- Every heartbeat updates a row here and every write of a try locks one: room for the versions in between.
CREATE TABLE tries (
    instance_id bigint NOT NULL REFERENCES task_instances,
    try_number integer NOT NULL,
    status text COLLATE "C" NOT NULL CHECK (status IN ('running', 'succeeded', 'failed', 'superseded')),
    supervisor text COLLATE "C" NOT NULL,
    started_at bigint NOT NULL,
    finished_at bigint,
    exit_status bigint,
    reason text COLLATE "C",
    finish_reply text COLLATE "C",
    lease_boot_id text COLLATE "C" NOT NULL,
    lease_until bigint NOT NULL,
    staged_operations bigint NOT NULL DEFAULT 0,
    staged_bytes bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (instance_id, try_number)
) WITH (fillfactor = 70);
CREATE INDEX tries_by_start ON tries (started_at);
CREATE INDEX running_tries ON tries (started_at) WHERE status = 'running';

-- One row per object of a worker-side backend; `records` counts the rows that name it, which triggers keep.
CREATE TABLE external_objects (
    object_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    backend_id text COLLATE "C" NOT NULL,
    storage_key text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    origin text COLLATE "C" NOT NULL,
    size_bytes bigint NOT NULL,
    digest bytea,
    records bigint NOT NULL DEFAULT 0 CHECK (records >= 0),
    due_at bigint,
    leased_until bigint
);
CREATE UNIQUE INDEX external_objects_by_storage_key ON external_objects (storage_key) WHERE digest IS NOT NULL;
-- A backend id and a reference are together too long for a unique index. Two rows for one object that is
-- overwritten in place are kept from each other by the lock on the task or asset that it belongs to.
CREATE INDEX external_objects_in_place ON external_objects USING hash (reference) WHERE digest IS NULL;
CREATE INDEX external_objects_unsettled ON external_objects (due_at) WHERE due_at = 0;
CREATE INDEX external_objects_due ON external_objects (backend_id, due_at)
    WHERE due_at > 0 AND digest IS NOT NULL;
CREATE INDEX external_objects_due_by_origin ON external_objects USING hash (origin)
    WHERE due_at > 0 AND digest IS NOT NULL;
CREATE INDEX external_objects_left ON external_objects (object_id) WHERE due_at > 0 AND digest IS NULL;

CREATE TABLE condemned_objects (
    storage_key text COLLATE "C" PRIMARY KEY,
    condemned_at bigint NOT NULL
);
CREATE INDEX condemned_objects_by_age ON condemned_objects (condemned_at);

-- Rows are overwritten in place: with room on their page and no indexed column changed, without an index entry.
-- No foreign key from entries and history: the write has just read, and mostly locked, what it would check, and
-- instances and assets are never deleted.
CREATE TABLE task_entries (
    instance_id bigint NOT NULL,
    key text COLLATE "C" NOT NULL,
    value bytea NOT NULL,
    version bigint NOT NULL,
    updated_at bigint NOT NULL,
    keeps_default smallint NOT NULL,
    expires_at bigint,
    writer_try_number integer,
    writer_principal text COLLATE "C" NOT NULL,
    object_id bigint CHECK (object_id IS NULL OR value = ''::bytea),
    PRIMARY KEY (instance_id, key)
) WITH (fillfactor = 85);
CREATE INDEX task_entries_by_expiry ON task_entries (expires_at, instance_id, key) WHERE expires_at IS NOT NULL;

CREATE TABLE assets (
    asset_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C",
    uri text COLLATE "C",
    created_at bigint NOT NULL,
    deactivated_at bigint,
    swept_at bigint,
    CHECK (name IS NOT NULL OR uri IS NOT NULL),
    CONSTRAINT active_assets_by_name EXCLUDE USING hash (name WITH =)
        WHERE (deactivated_at IS NULL AND name IS NOT NULL),
    CONSTRAINT active_assets_by_uri EXCLUDE USING hash (uri WITH =)
        WHERE (deactivated_at IS NULL AND uri IS NOT NULL)
);
CREATE INDEX inactive_assets ON assets (deactivated_at, asset_id)
    WHERE deactivated_at IS NOT NULL AND swept_at IS NULL;

CREATE TABLE asset_grants (
    instance_id bigint NOT NULL,
    try_number integer NOT NULL,
    asset_id bigint NOT NULL REFERENCES assets,
    writable smallint NOT NULL,
    PRIMARY KEY (instance_id, try_number, asset_id),
    FOREIGN KEY (instance_id, try_number) REFERENCES tries
);

CREATE TABLE asset_entries (
    asset_id bigint NOT NULL,
    key text COLLATE "C" NOT NULL,
    value bytea NOT NULL,
    version bigint NOT NULL,
    updated_at bigint NOT NULL,
    expires_at bigint,
    writer_instance_id bigint,
    writer_try_number integer,
    writer_principal text COLLATE "C" NOT NULL,
    object_id bigint CHECK (object_id IS NULL OR value = ''::bytea),
    PRIMARY KEY (asset_id, key)
) WITH (fillfactor = 85);
CREATE INDEX asset_entries_by_expiry ON asset_entries (expires_at, asset_id, key) WHERE expires_at IS NOT NULL;

CREATE TABLE asset_history (
    asset_id bigint NOT NULL,
    key text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    change text COLLATE "C" NOT NULL CHECK (change IN ('set', 'delete', 'clear', 'rewind', 'sweep')),
    value bytea,
    changed_at bigint NOT NULL,
    writer_instance_id bigint,
    writer_try_number integer,
    writer_principal text COLLATE "C" NOT NULL,
    object_id bigint CHECK (object_id IS NULL OR value IS NULL),
    PRIMARY KEY (asset_id, key, version)
);

CREATE TABLE staged_operations (
    instance_id bigint NOT NULL,
    try_number integer NOT NULL,
    position bigint NOT NULL,
    asset_id bigint NOT NULL REFERENCES assets,
    key text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL
        CHECK (operation IN ('set', 'delete', 'clear', 'increment', 'set_max')),
    value bytea,
    retention text COLLATE "C",
    if_version bigint,
    if_absent smallint NOT NULL DEFAULT 0,
    object_id bigint CHECK (object_id IS NULL OR value IS NULL),
    PRIMARY KEY (instance_id, try_number, position),
    FOREIGN KEY (instance_id, try_number) REFERENCES tries
);
CREATE INDEX staged_operations_by_key ON staged_operations (instance_id, try_number, asset_id, key, position);

CREATE TABLE request_log (
    principal text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    reply text COLLATE "C" NOT NULL,
    recorded_at bigint NOT NULL,
    instance_id bigint,
    try_number integer,
    PRIMARY KEY (principal, request_id)
);
CREATE INDEX request_log_by_age ON request_log (recorded_at, principal, request_id);

CREATE TABLE audit_log (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recorded_at bigint NOT NULL,
    principal text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    asset_id bigint,
    detail text COLLATE "C" NOT NULL
);

CREATE FUNCTION name_object() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE external_objects SET records = records + 1, due_at = NULL WHERE object_id = NEW.object_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION drop_object() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE external_objects
        SET records = records - 1, due_at = CASE records WHEN 1 THEN 0 ELSE due_at END
        WHERE object_id = OLD.object_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION rename_object() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE external_objects SET records = records + 1, due_at = NULL WHERE object_id = NEW.object_id;
    UPDATE external_objects
        SET records = records - 1, due_at = CASE records WHEN 1 THEN 0 ELSE due_at END
        WHERE object_id = OLD.object_id;
    RETURN NULL;
END
$$;

CREATE TRIGGER task_entries_insert_names AFTER INSERT ON task_entries
    FOR EACH ROW WHEN (NEW.object_id IS NOT NULL) EXECUTE FUNCTION name_object();
CREATE TRIGGER task_entries_delete_drops AFTER DELETE ON task_entries
    FOR EACH ROW WHEN (OLD.object_id IS NOT NULL) EXECUTE FUNCTION drop_object();
CREATE TRIGGER task_entries_update_names AFTER UPDATE ON task_entries
    FOR EACH ROW WHEN (NEW.object_id IS DISTINCT FROM OLD.object_id) EXECUTE FUNCTION rename_object();

CREATE TRIGGER asset_entries_insert_names AFTER INSERT ON asset_entries
    FOR EACH ROW WHEN (NEW.object_id IS NOT NULL) EXECUTE FUNCTION name_object();
CREATE TRIGGER asset_entries_delete_drops AFTER DELETE ON asset_entries
    FOR EACH ROW WHEN (OLD.object_id IS NOT NULL) EXECUTE FUNCTION drop_object();
CREATE TRIGGER asset_entries_update_names AFTER UPDATE ON asset_entries
    FOR EACH ROW WHEN (NEW.object_id IS DISTINCT FROM OLD.object_id) EXECUTE FUNCTION rename_object();

CREATE TRIGGER asset_history_insert_names AFTER INSERT ON asset_history
    FOR EACH ROW WHEN (NEW.object_id IS NOT NULL) EXECUTE FUNCTION name_object();
CREATE TRIGGER asset_history_delete_drops AFTER DELETE ON asset_history
    FOR EACH ROW WHEN (OLD.object_id IS NOT NULL) EXECUTE FUNCTION drop_object();

CREATE TRIGGER staged_operations_insert_names AFTER INSERT ON staged_operations
    FOR EACH ROW WHEN (NEW.object_id IS NOT NULL) EXECUTE FUNCTION name_object();
CREATE TRIGGER staged_operations_delete_drops AFTER DELETE ON staged_operations
    FOR EACH ROW WHEN (OLD.object_id IS NOT NULL) EXECUTE FUNCTION drop_object();
CREATE TRIGGER staged_operations_update_names AFTER UPDATE ON staged_operations
    FOR EACH ROW WHEN (NEW.object_id IS DISTINCT FROM OLD.object_id) EXECUTE FUNCTION rename_object();
