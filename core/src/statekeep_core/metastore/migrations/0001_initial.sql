-- The store as it begins. Instants (`*_at`) are microseconds since the Unix epoch, UTC, by the wall clock of
-- the store; `lease_until` is microseconds of the boot-time clock, and means something only under its boot id.
-- since: 0.1.0

-- One row: who this store is, the last version that it drew (versions are never used twice), the release that
-- wrote this schema (for the message to an older one), and when a sweep last went through.
CREATE TABLE store (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    store_id TEXT NOT NULL,
    last_version INTEGER NOT NULL,
    written_by_release TEXT NOT NULL,
    swept_at INTEGER NOT NULL
) STRICT;

-- A task instance outlives its tries, tokens and request ids. `current_try` is the one that may read and write.
CREATE TABLE task_instances (
    instance_id INTEGER PRIMARY KEY AUTOINCREMENT,
    ti_id TEXT NOT NULL UNIQUE,
    dag_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    map_index INTEGER NOT NULL,
    current_try INTEGER NOT NULL,
    last_active_at INTEGER NOT NULL,
    succeeded_at INTEGER
) STRICT;
CREATE INDEX task_instances_by_name ON task_instances (dag_id, run_id, task_id, map_index);

CREATE TABLE tries (
    instance_id INTEGER NOT NULL REFERENCES task_instances,
    try_number INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'succeeded', 'failed', 'superseded')),
    supervisor TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    exit_status INTEGER,
    reason TEXT,
    -- What finishing answered, as JSON of the plain reply: asked again, it answers the same.
    finish_reply TEXT,
    lease_boot_id TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    -- Kept here so that the limits on staging cost no count over its rows.
    staged_operations INTEGER NOT NULL DEFAULT 0,
    staged_bytes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (instance_id, try_number)
) STRICT, WITHOUT ROWID;
CREATE INDEX tries_by_start ON tries (started_at);

-- `keeps_default` 1: the store's default retention applies, reckoned from the instance's success, and
-- `expires_at` is NULL. 0: `expires_at` is as the writer asked (NULL: never).
CREATE TABLE task_entries (
    instance_id INTEGER NOT NULL REFERENCES task_instances,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    keeps_default INTEGER NOT NULL,
    expires_at INTEGER,
    writer_try_number INTEGER,
    writer_principal TEXT NOT NULL,
    PRIMARY KEY (instance_id, key)
) STRICT;
CREATE INDEX task_entries_by_expiry ON task_entries (expires_at) WHERE expires_at IS NOT NULL;

-- A name or uri is unique among active assets only. `swept_at`: an inactive asset's state is gone for good.
CREATE TABLE assets (
    asset_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT,
    uri TEXT,
    created_at INTEGER NOT NULL,
    deactivated_at INTEGER,
    swept_at INTEGER,
    CHECK (name IS NOT NULL OR uri IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX active_assets_by_name ON assets (name) WHERE deactivated_at IS NULL AND name IS NOT NULL;
CREATE UNIQUE INDEX active_assets_by_uri ON assets (uri) WHERE deactivated_at IS NULL AND uri IS NOT NULL;
CREATE INDEX inactive_assets ON assets (deactivated_at) WHERE deactivated_at IS NOT NULL AND swept_at IS NULL;

CREATE TABLE asset_grants (
    instance_id INTEGER NOT NULL,
    try_number INTEGER NOT NULL,
    asset_id INTEGER NOT NULL REFERENCES assets,
    writable INTEGER NOT NULL,
    PRIMARY KEY (instance_id, try_number, asset_id),
    FOREIGN KEY (instance_id, try_number) REFERENCES tries
) STRICT, WITHOUT ROWID;

CREATE TABLE asset_entries (
    asset_id INTEGER NOT NULL REFERENCES assets,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER,
    writer_instance_id INTEGER REFERENCES task_instances,
    writer_try_number INTEGER,
    writer_principal TEXT NOT NULL,
    PRIMARY KEY (asset_id, key)
) STRICT;
CREATE INDEX asset_entries_by_expiry ON asset_entries (expires_at) WHERE expires_at IS NOT NULL;

-- Every change of asset state, the newest few per key. `value` is NULL where the change left none.
CREATE TABLE asset_history (
    asset_id INTEGER NOT NULL REFERENCES assets,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    change TEXT NOT NULL CHECK (change IN ('set', 'delete', 'clear', 'rewind', 'sweep')),
    value BLOB,
    changed_at INTEGER NOT NULL,
    writer_instance_id INTEGER REFERENCES task_instances,
    writer_try_number INTEGER,
    writer_principal TEXT NOT NULL,
    PRIMARY KEY (asset_id, key, version)
) STRICT;

-- Asset writes of a try that has not finished, in order; operations that together do what one does are kept
-- as one. `key` is '' for a clear, so that an index finds it beside a key's own. `retention` is JSON: seconds,
-- "never", or null for the default.
CREATE TABLE staged_operations (
    instance_id INTEGER NOT NULL,
    try_number INTEGER NOT NULL,
    position INTEGER NOT NULL,
    asset_id INTEGER NOT NULL REFERENCES assets,
    key TEXT NOT NULL,
    operation TEXT NOT NULL CHECK (operation IN ('set', 'delete', 'clear', 'increment', 'set_max')),
    value BLOB,
    retention TEXT,
    if_version INTEGER,
    if_absent INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (instance_id, try_number, position),
    FOREIGN KEY (instance_id, try_number) REFERENCES tries
) STRICT;
CREATE INDEX staged_operations_by_key ON staged_operations (instance_id, try_number, asset_id, key, position);

-- A request that must not take effect twice, with what it was answered. The digest tells a retry from
-- another request under the same id.
CREATE TABLE request_log (
    principal TEXT NOT NULL,
    request_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    reply TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    instance_id INTEGER,
    try_number INTEGER,
    PRIMARY KEY (principal, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_log_by_age ON request_log (recorded_at);

-- What people and supervisors did beside the entries: grants added during a try, assets taken out of use.
CREATE TABLE audit_log (
    audit_id INTEGER PRIMARY KEY,
    recorded_at INTEGER NOT NULL,
    principal TEXT NOT NULL,
    action TEXT NOT NULL,
    asset_id INTEGER,
    detail TEXT NOT NULL
) STRICT;
