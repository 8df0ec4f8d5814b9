-- +goose Up

-- Tokens that were made through the API. Secrets are kept as their SHA-256 only.
CREATE TABLE token_made (
    name     TEXT    PRIMARY KEY,
    hash     TEXT    NOT NULL UNIQUE, -- of the secret, in hexadecimal digits
    role     TEXT    NOT NULL,
    scopes   TEXT    NOT NULL,        -- a JSON list; '' = they do not narrow
    made     INTEGER NOT NULL,
    by       TEXT    NOT NULL,        -- who made it
    expires  INTEGER NOT NULL,        -- 0 = never
    used     INTEGER NOT NULL,        -- the hour in which it was last shown; 0 = never
    old      TEXT    NOT NULL,        -- hash of the secret before; '' = there is none
    old_ends INTEGER NOT NULL         -- until when that one is still taken
) STRICT, WITHOUT ROWID;
CREATE INDEX token_made_old ON token_made (old) WHERE old <> '';

-- Who is logged in. The cookie holds what id is the SHA-256 of.
CREATE TABLE session (
    id      TEXT    PRIMARY KEY,
    person  TEXT    NOT NULL,
    way     TEXT    NOT NULL CHECK (way IN ('password', 'oidc')),
    proof   TEXT    NOT NULL, -- of what he logged in with: when that is another, this is over
    member  TEXT    NOT NULL, -- that the identity provider names, a JSON list
    made    INTEGER NOT NULL,
    seen    INTEGER NOT NULL,
    remote  TEXT    NOT NULL,
    agent   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_person ON session (person);
