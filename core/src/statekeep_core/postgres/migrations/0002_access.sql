-- Who may ask a server: the tables of the SQLite file's step of this name.
-- since: 0.1.0
-- compatible from: 1
CREATE TABLE credentials (
    name text COLLATE "C" PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    role text COLLATE "C" NOT NULL CHECK (role IN ('worker', 'operator')),
    created_at bigint NOT NULL,
    expires_at bigint,
    revoked_at bigint
);

CREATE TABLE signing_keys (
    key_id text COLLATE "C" PRIMARY KEY,
    secret bytea NOT NULL,
    created_at bigint NOT NULL
);
