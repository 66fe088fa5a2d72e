-- The column of the SQLite file's step of this name. An older server does what comes late, as it did before.
-- since: 0.2.0
-- compatible from: 3
ALTER TABLE tries ADD COLUMN sending_floor bigint NOT NULL DEFAULT 0;
-- Likewise; an older server leaves the lease to decide.
ALTER TABLE tries ADD COLUMN holder_digest bytea;
