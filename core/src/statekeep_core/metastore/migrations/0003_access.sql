-- Who may ask a server. An embedded store has these tables, too, and leaves them empty.
-- since: 0.1.0

-- Of a credential only the SHA-256 is here. A name is never given twice: it stands in the records of what
-- was written under it.
CREATE TABLE credentials (
    name TEXT PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('worker', 'operator')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- What task tokens are signed with. The newest one signs; the others still prove older tokens, until they are
-- removed.
CREATE TABLE signing_keys (
    key_id TEXT PRIMARY KEY,
    secret BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
