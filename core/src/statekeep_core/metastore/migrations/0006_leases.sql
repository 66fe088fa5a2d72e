-- What one server at a time does for all, and until when it counts as the one that does it.
-- since: 0.1.0
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    boot_id TEXT NOT NULL, -- by whose clock; a machine that was started again has no holder left
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
