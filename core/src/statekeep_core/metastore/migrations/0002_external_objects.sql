-- Values that a worker-side backend took. A record has its value here or there: where `object_id` is set,
-- `value` is empty (which no JSON text is) or NULL.
-- since: 0.1.0

-- One row per object. Of an immutable backend it is known by its storage key; of a plain one, which overwrites
-- in place, by its reference. `records` counts the rows of the four tables below that name it, which triggers
-- keep, so that no statement that removes rows can forget one. When it falls to 0, `due_at` is set to 0 by
-- the trigger and to an instant before the commit: from then on the object may be deleted. One that was once
-- leased for that (`leased_until`) may be gone, and is never named again; `due_at` is then the same instant.
CREATE TABLE external_objects (
    object_id INTEGER PRIMARY KEY AUTOINCREMENT,
    backend_id TEXT NOT NULL,
    storage_key TEXT NOT NULL,
    reference TEXT NOT NULL,
    origin TEXT NOT NULL, -- JSON: the names of the address that it was first written for
    size_bytes INTEGER NOT NULL,
    digest BLOB, -- NULL: of a plain backend
    records INTEGER NOT NULL DEFAULT 0 CHECK (records >= 0),
    due_at INTEGER,
    leased_until INTEGER
) STRICT;
CREATE UNIQUE INDEX external_objects_by_storage_key ON external_objects (storage_key) WHERE digest IS NOT NULL;
CREATE UNIQUE INDEX external_objects_in_place ON external_objects (backend_id, reference) WHERE digest IS NULL;
-- None of these holds a row that a record names. What was just leased falls due again when its lease is over.
CREATE INDEX external_objects_unsettled ON external_objects (due_at) WHERE due_at = 0;
CREATE INDEX external_objects_due ON external_objects (backend_id, due_at)
    WHERE due_at > 0 AND digest IS NOT NULL;
CREATE INDEX external_objects_due_by_origin ON external_objects (origin, backend_id, due_at)
    WHERE due_at > 0 AND digest IS NOT NULL;
CREATE INDEX external_objects_left ON external_objects (object_id) WHERE due_at > 0 AND digest IS NULL;

-- Storage keys of objects that an orphan sweep found and may have deleted: no commit names one any more.
CREATE TABLE condemned_objects (
    storage_key TEXT PRIMARY KEY,
    condemned_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX condemned_objects_by_age ON condemned_objects (condemned_at);
-- For how long condemned storage keys matter.
CREATE INDEX running_tries ON tries (started_at) WHERE status = 'running';

ALTER TABLE task_entries ADD COLUMN object_id INTEGER CHECK (object_id IS NULL OR value = x'');
ALTER TABLE asset_entries ADD COLUMN object_id INTEGER CHECK (object_id IS NULL OR value = x'');
ALTER TABLE asset_history ADD COLUMN object_id INTEGER CHECK (object_id IS NULL OR value IS NULL);
ALTER TABLE staged_operations ADD COLUMN object_id INTEGER CHECK (object_id IS NULL OR value IS NULL);

CREATE TRIGGER task_entries_insert_names AFTER INSERT ON task_entries
WHEN NEW.object_id IS NOT NULL BEGIN
    UPDATE external_objects SET records = records + 1, due_at = NULL WHERE object_id = NEW.object_id;
END;

CREATE TRIGGER task_entries_delete_drops AFTER DELETE ON task_entries
WHEN OLD.object_id IS NOT NULL BEGIN
    UPDATE external_objects SET records = records - 1,
        due_at = CASE records WHEN 1 THEN 0 ELSE due_at END
        WHERE object_id = OLD.object_id;
END;

CREATE TRIGGER task_entries_update_names AFTER UPDATE OF object_id ON task_entries
WHEN NEW.object_id IS NOT OLD.object_id BEGIN
    UPDATE external_objects SET records = records + 1, due_at = NULL WHERE object_id = NEW.object_id;
    UPDATE external_objects SET records = records - 1,
        due_at = CASE records WHEN 1 THEN 0 ELSE due_at END
        WHERE object_id = OLD.object_id;
END;

CREATE TRIGGER asset_entries_insert_names AFTER INSERT ON asset_entries
WHEN NEW.object_id IS NOT NULL BEGIN
    UPDATE external_objects SET records = records + 1, due_at = NULL WHERE object_id = NEW.object_id;
END;

CREATE TRIGGER asset_entries_delete_drops AFTER DELETE ON asset_entries
WHEN OLD.object_id IS NOT NULL BEGIN
    UPDATE external_objects SET records = records - 1,
        due_at = CASE records WHEN 1 THEN 0 ELSE due_at END
        WHERE object_id = OLD.object_id;
END;

CREATE TRIGGER asset_entries_update_names AFTER UPDATE OF object_id ON asset_entries
WHEN NEW.object_id IS NOT OLD.object_id BEGIN
    UPDATE external_objects SET records = records + 1, due_at = NULL WHERE object_id = NEW.object_id;
    UPDATE external_objects SET records = records - 1,
        due_at = CASE records WHEN 1 THEN 0 ELSE due_at END
        WHERE object_id = OLD.object_id;
END;

CREATE TRIGGER asset_history_insert_names AFTER INSERT ON asset_history
WHEN NEW.object_id IS NOT NULL BEGIN
    UPDATE external_objects SET records = records + 1, due_at = NULL WHERE object_id = NEW.object_id;
END;

CREATE TRIGGER asset_history_delete_drops AFTER DELETE ON asset_history
WHEN OLD.object_id IS NOT NULL BEGIN
    UPDATE external_objects SET records = records - 1,
        due_at = CASE records WHEN 1 THEN 0 ELSE due_at END
        WHERE object_id = OLD.object_id;
END;

CREATE TRIGGER staged_operations_insert_names AFTER INSERT ON staged_operations
WHEN NEW.object_id IS NOT NULL BEGIN
    UPDATE external_objects SET records = records + 1, due_at = NULL WHERE object_id = NEW.object_id;
END;

CREATE TRIGGER staged_operations_delete_drops AFTER DELETE ON staged_operations
WHEN OLD.object_id IS NOT NULL BEGIN
    UPDATE external_objects SET records = records - 1,
        due_at = CASE records WHEN 1 THEN 0 ELSE due_at END
        WHERE object_id = OLD.object_id;
END;

CREATE TRIGGER staged_operations_update_names AFTER UPDATE OF object_id ON staged_operations
WHEN NEW.object_id IS NOT OLD.object_id BEGIN
    UPDATE external_objects SET records = records + 1, due_at = NULL WHERE object_id = NEW.object_id;
    UPDATE external_objects SET records = records - 1,
        due_at = CASE records WHEN 1 THEN 0 ELSE due_at END
        WHERE object_id = OLD.object_id;
END;
