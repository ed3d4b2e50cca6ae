-- Times are seconds, instants microseconds, since the Unix epoch. Identifiers of tokens and grants
-- begin with their instant, so that these tables only ever append.

CREATE TABLE applications (
    client_id TEXT NOT NULL PRIMARY KEY,
    document  TEXT NOT NULL
);

CREATE TABLE users (
    subject  TEXT NOT NULL PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL
);

-- Rows never change. The key is what the handle or the JWT was made with.
CREATE TABLE access_tokens (
    id         BLOB    NOT NULL PRIMARY KEY,
    grant_id   BLOB,
    client_id  TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    username   TEXT,
    scope      TEXT    NOT NULL,
    audience   TEXT    NOT NULL,
    bindings   BLOB    NOT NULL,
    opaque     INTEGER NOT NULL,
    key_id     INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE grants (
    id         BLOB    NOT NULL PRIMARY KEY,
    client_id  TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    username   TEXT,
    scope      TEXT    NOT NULL,
    audience   TEXT    NOT NULL,
    bindings   BLOB    NOT NULL,
    generation INTEGER NOT NULL,
    since      INTEGER NOT NULL,
    used       INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE slots (
    slot            BLOB NOT NULL PRIMARY KEY,
    access_token_id BLOB NOT NULL,
    grant_id        BLOB
) WITHOUT ROWID;

-- Numbered without gaps in the order of commits.
CREATE TABLE ends (
    seq        INTEGER NOT NULL PRIMARY KEY,
    kind       INTEGER NOT NULL,
    anchor     BLOB    NOT NULL,
    instant    INTEGER NOT NULL,
    keep_until INTEGER NOT NULL,
    spared     BLOB
);

CREATE TABLE server_keys (
    seq        INTEGER NOT NULL PRIMARY KEY,
    id         INTEGER NOT NULL UNIQUE,
    key_use    TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    retired_at INTEGER,
    keep_until INTEGER
);

CREATE TABLE meta (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
);
