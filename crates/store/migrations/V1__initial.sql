-- Times are seconds, instants microseconds, since the Unix epoch. Identifiers of tokens and grants
-- begin with their instant, so that these tables only ever append.

CREATE TABLE applications (
    client_id TEXT NOT NULL PRIMARY KEY,
    document  TEXT NOT NULL
);

-- The origins of each application's `allowed_origins`, to be found by.
CREATE TABLE application_origins (
    origin    TEXT NOT NULL,
    client_id TEXT NOT NULL,
    PRIMARY KEY (origin, client_id)
) WITHOUT ROWID;

-- What tokens can be meant for, by its URI in canonical form.
CREATE TABLE resources (
    key      TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE users (
    subject  TEXT NOT NULL PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL
);

-- Rows never change. The key is what the handle or the JWT was made with. Descent and actor are those
-- of an exchanged token.
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
    expires_at INTEGER NOT NULL,
    pairwise   TEXT,
    login      TEXT,
    descent    TEXT,
    actor      TEXT
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
    expires_at INTEGER NOT NULL,
    pairwise   TEXT,
    login      TEXT
) WITHOUT ROWID;

CREATE TABLE slots (
    slot            BLOB NOT NULL PRIMARY KEY,
    access_token_id BLOB NOT NULL,
    grant_id        BLOB
) WITHOUT ROWID;

CREATE TABLE sessions (
    id             BLOB    NOT NULL PRIMARY KEY,
    subject        TEXT    NOT NULL,
    idle_until     INTEGER NOT NULL,
    absolute_until INTEGER NOT NULL,
    facts          TEXT    NOT NULL
) WITHOUT ROWID;

CREATE INDEX sessions_by_subject ON sessions (subject);

-- No session is idle for longer than it lives.
CREATE INDEX sessions_by_idle_until ON sessions (idle_until);

-- Which applications were authorized in a session.
CREATE TABLE session_applications (
    session_id BLOB NOT NULL,
    client_id  TEXT NOT NULL,
    PRIMARY KEY (session_id, client_id)
) WITHOUT ROWID;

CREATE INDEX session_applications_by_client_id ON session_applications (client_id);

-- Authorization codes. The grant is what came of the code; null until it is redeemed. A redeemed code
-- is kept as long as that may be alive, so that a second redemption is noticed.
CREATE TABLE codes (
    id         BLOB    NOT NULL PRIMARY KEY,
    client_id  TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    document   TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    keep_until INTEGER NOT NULL,
    grant_id   BLOB
) WITHOUT ROWID;

-- Authorization requests that wait for a browser, and for an answer. Spent by the code that answers.
CREATE TABLE pushed_requests (
    id            BLOB    NOT NULL PRIMARY KEY,
    client_id     TEXT    NOT NULL,
    document      TEXT    NOT NULL,
    opens_until   INTEGER NOT NULL,
    answers_until INTEGER NOT NULL,
    spent         INTEGER NOT NULL
) WITHOUT ROWID;

-- Device authorizations until their time is over. The user code is a MAC. The answer and its instant are null
-- until the user gives one; `polled_at` is zero until the device polls.
CREATE TABLE device_authorizations (
    id          BLOB    NOT NULL PRIMARY KEY,
    user_code   BLOB    NOT NULL,
    client_id   TEXT    NOT NULL,
    document    TEXT    NOT NULL,
    expires_at  INTEGER NOT NULL,
    interval    INTEGER NOT NULL,
    polled_at   INTEGER NOT NULL,
    answer      TEXT,
    answered_at INTEGER,
    redeemed    INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX device_authorizations_by_user_code ON device_authorizations (user_code);

-- The values of `atbv` that this server gave out, by their SHA-256.
CREATE TABLE browser_cookies (
    hash       BLOB    NOT NULL PRIMARY KEY,
    subject    TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;

-- What tokens are bound to by them: a reference for each application.
CREATE TABLE browser_cookie_references (
    hash      BLOB NOT NULL,
    client_id TEXT NOT NULL,
    reference BLOB NOT NULL,
    PRIMARY KEY (hash, client_id)
) WITHOUT ROWID;

-- What was signed to be used once and was used, by a hash of its purpose, its signer and its `jti`.
-- Rows never change; the writer alone decides which one is the first.
CREATE TABLE claimed_jtis (
    seq        INTEGER NOT NULL PRIMARY KEY,
    id         BLOB    NOT NULL,
    expires_at INTEGER NOT NULL
);

-- What users and applications have to do with one another. The consent is null where nobody was asked.
CREATE TABLE connections (
    id         INTEGER NOT NULL PRIMARY KEY,
    subject    TEXT    NOT NULL,
    client_id  TEXT    NOT NULL,
    consent    TEXT,
    since      INTEGER NOT NULL,
    live_until INTEGER NOT NULL,
    UNIQUE (subject, client_id)
);

CREATE INDEX connections_by_client_id ON connections (client_id);

-- Logouts that applications are still to be told of. A number is never given again.
CREATE TABLE logout_deliveries (
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    client_id  TEXT    NOT NULL,
    session_id BLOB    NOT NULL,
    subject    TEXT    NOT NULL,
    attempts   INTEGER NOT NULL,
    next_at    INTEGER NOT NULL
);

CREATE INDEX logout_deliveries_by_next_at ON logout_deliveries (next_at);

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
