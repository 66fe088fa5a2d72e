-- A sweep goes through expired entries in the order of these columns, and goes on after the row it saw last.
-- since: 0.1.0
DROP INDEX task_entries_by_expiry;
CREATE INDEX task_entries_by_expiry ON task_entries (expires_at, instance_id, key) WHERE expires_at IS NOT NULL;
DROP INDEX asset_entries_by_expiry;
CREATE INDEX asset_entries_by_expiry ON asset_entries (expires_at, asset_id, key) WHERE expires_at IS NOT NULL;
