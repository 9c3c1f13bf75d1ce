-- A credential is read on every request: clustered by how it is found. `marks` packs what is never asked for alone
-- (doorward/stores/sql/credentials.py): each column costs a reader 0.2 µs.
CREATE TABLE credentials (
    method TEXT NOT NULL,
    lookup TEXT NOT NULL,
    id TEXT NOT NULL,
    verifier BLOB NOT NULL,
    key_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL,
    revoked_at REAL,
    seen_at REAL,
    grant_id TEXT,
    marks TEXT NOT NULL,
    data TEXT NOT NULL,
    imported_start TEXT,
    PRIMARY KEY (method, lookup)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX credentials_by_id ON credentials (id);
CREATE INDEX credentials_by_owner ON credentials (owner, id);
CREATE INDEX credentials_by_method ON credentials (method, id);
CREATE INDEX credentials_by_start ON credentials (imported_start) WHERE imported_start IS NOT NULL;
-- Not `WHERE method = 'session'`: SQLite would prepare every statement with `method = ?` anew at each use, for 30 µs.
CREATE INDEX credentials_by_end ON credentials (method, expires_at) WHERE expires_at IS NOT NULL;

-- Names are never reused: ended accounts stay.
CREATE TABLE accounts (
    name TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    created_at REAL NOT NULL,
    email TEXT,
    email_folded TEXT UNIQUE,
    scopes TEXT NOT NULL,
    roles TEXT NOT NULL,
    ended_at REAL,
    data TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Also of names that are no account: token subjects, clients.
CREATE TABLE epochs (
    name TEXT NOT NULL PRIMARY KEY,
    at REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE grants (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    created_at REAL NOT NULL,
    client TEXT,
    scopes TEXT NOT NULL,
    authenticated_at REAL,
    expires_at REAL,
    revoked_at REAL,
    data TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_end ON grants (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX grants_by_subject ON grants (subject);

CREATE TABLE tickets (
    kind TEXT NOT NULL,
    lookup BLOB NOT NULL,
    holder TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    spent_at REAL,
    successor BLOB,
    data TEXT NOT NULL,
    PRIMARY KEY (kind, lookup)
) STRICT, WITHOUT ROWID;
CREATE INDEX tickets_by_end ON tickets (expires_at);

CREATE TABLE signing_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    alg TEXT NOT NULL,
    sealed BLOB NOT NULL,
    sealed_by TEXT NOT NULL,
    public TEXT NOT NULL,
    created_at REAL NOT NULL,
    active_at REAL NOT NULL,
    retired_at REAL,
    gone_at REAL
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    actor TEXT NOT NULL,
    at REAL NOT NULL,
    why TEXT NOT NULL,
    data TEXT NOT NULL,
    digest BLOB,
    chain BLOB
) STRICT;
CREATE INDEX journal_unlinked ON journal (seq) WHERE chain IS NULL;

CREATE TABLE checkpoints (
    seq INTEGER NOT NULL PRIMARY KEY,
    chain BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT;

-- AUTOINCREMENT: a swept row never lets its number be given again.
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    id TEXT NOT NULL,
    at REAL NOT NULL,
    until REAL NOT NULL
) STRICT;
CREATE INDEX changes_by_end ON changes (until);

CREATE TABLE uses (
    credential_id TEXT NOT NULL,
    minute INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    count INTEGER NOT NULL,
    last_at REAL NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (credential_id, minute, outcome)
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
    job TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    until REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE facts (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
