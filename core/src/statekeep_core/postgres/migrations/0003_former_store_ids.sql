-- The table of the SQLite file's step of this name. An older server would have objects of former ids deleted, so
-- none works on this.
-- since: 0.1.0
CREATE TABLE former_store_ids (
    renewal integer PRIMARY KEY,
    store_id text COLLATE "C" NOT NULL UNIQUE,
    last_object_id bigint NOT NULL,
    renewed_at bigint NOT NULL
);
