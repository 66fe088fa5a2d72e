-- The ids that a store had before it was renewed, as a copy or a restored backup is. Objects with a number up to
-- `last_object_id` were written under this id or an earlier one: another store may name them, too, so this one
-- reads them and has nobody delete them. When nothing here names one any more, its `due_at` becomes -1.
-- since: 0.1.0
CREATE TABLE former_store_ids (
    renewal INTEGER PRIMARY KEY, -- 1 is the first
    store_id TEXT NOT NULL UNIQUE,
    last_object_id INTEGER NOT NULL,
    renewed_at INTEGER NOT NULL
) STRICT;
