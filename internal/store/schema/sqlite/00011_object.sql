-- +goose Up

-- Registries, targets and rules that people made beside those of the configuration's files.
-- body and note are JSON. The secrets of body are masked there; sealed has them, encrypted
-- with a key that is not in the store. No seq is given out twice: it is the order in which
-- they were made, and tells one from another of the same name that was made later.
CREATE TABLE object (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    kind    TEXT    NOT NULL CHECK (kind IN ('registry', 'target', 'rule')),
    name    TEXT    NOT NULL,
    body    TEXT    NOT NULL,
    sealed  BLOB,
    note    TEXT,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    by      TEXT    NOT NULL, -- who changed it last
    UNIQUE (kind, name)
) STRICT;

-- Rules change with each object, so that many of them judge no event before others follow. 0
-- where a set has judged none. The source may be compressed since then.
ALTER TABLE rule_set ADD COLUMN judged INTEGER NOT NULL DEFAULT 1;

-- How often that table was changed.
INSERT INTO meta (key, value) VALUES ('objects', '0') ON CONFLICT (key) DO NOTHING;
