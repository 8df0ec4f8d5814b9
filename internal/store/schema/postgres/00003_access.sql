-- +goose Up

-- What the columns mean stands in SQLite's schema.

CREATE TABLE token_made (
    name     text   PRIMARY KEY,
    hash     text   NOT NULL UNIQUE,
    role     text   NOT NULL,
    scopes   text   NOT NULL,
    made     bigint NOT NULL,
    by       text   NOT NULL,
    expires  bigint NOT NULL,
    used     bigint NOT NULL,
    old      text   NOT NULL,
    old_ends bigint NOT NULL
);
CREATE INDEX token_made_old ON token_made (old) WHERE old <> '';

CREATE TABLE session (
    id      text   PRIMARY KEY,
    person  text   NOT NULL,
    way     text   NOT NULL CHECK (way IN ('password', 'oidc')),
    proof   text   NOT NULL,
    member  text   NOT NULL,
    made    bigint NOT NULL,
    seen    bigint NOT NULL,
    remote  text   NOT NULL,
    agent   text   NOT NULL
);
CREATE INDEX session_person ON session (person);
