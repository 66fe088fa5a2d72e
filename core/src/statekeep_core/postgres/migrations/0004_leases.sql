-- The table of the SQLite file's step of this name. Older servers sweep nothing by themselves.
-- since: 0.1.0
-- compatible from: 3
CREATE TABLE leases (
    name text COLLATE "C" PRIMARY KEY,
    holder text COLLATE "C" NOT NULL,
    boot_id text COLLATE "C" NOT NULL,
    until bigint NOT NULL
);
