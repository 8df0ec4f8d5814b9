-- +goose Up

-- The inboxes of users, teams and organizations that something was put into.
CREATE TABLE inbox (
    id      INTEGER PRIMARY KEY,
    kind    TEXT    NOT NULL CHECK (kind IN ('user', 'team', 'organization')),
    name    TEXT    NOT NULL,
    n       INTEGER NOT NULL, -- notices in it
    bytes   INTEGER NOT NULL, -- about what these take
    dropped INTEGER NOT NULL, -- that went because it was full
    UNIQUE (kind, name)
) STRICT;

-- What is told to people there. No seq is given out twice: who lists them goes by it.
CREATE TABLE notice (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    id     TEXT    NOT NULL UNIQUE, -- of the delivery, so that one made again is not told twice
    inbox  INTEGER NOT NULL,
    time   INTEGER NOT NULL,
    event  TEXT    NOT NULL,        -- its id; the event may be gone before
    type   TEXT    NOT NULL,        -- of the event
    target TEXT    NOT NULL,
    level  TEXT    NOT NULL CHECK (level IN ('info', 'good', 'warning', 'bad')),
    title  TEXT    NOT NULL,
    body   TEXT    NOT NULL,        -- {"facts": [{"name", "value"}], "text", "link"}
    size   INTEGER NOT NULL
) STRICT;
CREATE INDEX notice_inbox ON notice (inbox, seq, level);

-- Who has read which: what is for a team is read by each for himself.
CREATE TABLE notice_read (
    person TEXT    NOT NULL,
    notice INTEGER NOT NULL,
    time   INTEGER NOT NULL,
    PRIMARY KEY (person, notice)
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_read_of ON notice_read (notice);
