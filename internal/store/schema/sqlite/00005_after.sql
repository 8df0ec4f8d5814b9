-- +goose Up

-- Attempts that a delivery had before it was last asked for again; attempts are those
-- since.
ALTER TABLE delivery ADD COLUMN earlier INTEGER NOT NULL DEFAULT 0;

-- Those that ended without being delivered: what lists of dead letters read.
CREATE INDEX delivery_ended ON delivery (state, seq)
    WHERE state NOT IN ('waiting', 'delivered') AND state NOT IN ('parked', 'folded');

-- What people had done, written with what was done. It is never changed but for the
-- counts in the details of what is done in several transactions.
CREATE TABLE audit (
    seq     INTEGER PRIMARY KEY,
    time    INTEGER NOT NULL,
    by      TEXT    NOT NULL,
    what    TEXT    NOT NULL, -- redeliver, replay, cancel, test
    object  TEXT    NOT NULL, -- what it is about: a target, a delivery, an event, or ''
    details TEXT    NOT NULL  -- a JSON object
) STRICT;

-- A redelivery or replay of many, done in several transactions, each of which writes
-- how far it is.
CREATE TABLE run (
    id      TEXT    PRIMARY KEY,
    audit   INTEGER NOT NULL, -- the entry that tells of it
    what    TEXT    NOT NULL, -- redeliver, replay
    request TEXT    NOT NULL, -- JSON
    upto    INTEGER NOT NULL, -- the last delivery, or event, that there was when it began
    at      INTEGER NOT NULL, -- those up to this one have been seen to
    counts  TEXT    NOT NULL, -- JSON
    ended   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- A delivery that was asked for again, or made of one to another target.
CREATE TABLE redelivery (
    delivery INTEGER NOT NULL,
    audit    INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    state    TEXT    NOT NULL, -- that it was in; '' where it is a new one
    reason   TEXT    NOT NULL, -- of that state
    source   INTEGER NOT NULL, -- the delivery that it was made of; 0 where it is the same
    attempts INTEGER NOT NULL, -- that had been made before
    PRIMARY KEY (delivery, audit)
) STRICT, WITHOUT ROWID;
CREATE INDEX redelivery_source ON redelivery (source) WHERE source <> 0;

-- An event that is a replay of another.
CREATE TABLE replayed (
    event  INTEGER PRIMARY KEY,
    source INTEGER NOT NULL, -- the event that it is made of
    audit  INTEGER NOT NULL
) STRICT;
CREATE INDEX replayed_source ON replayed (source);

-- The request that would have been sent, had the target not been in shadow mode.
CREATE TABLE shadow (
    delivery INTEGER PRIMARY KEY,
    time     INTEGER NOT NULL,
    request  TEXT    NOT NULL, -- secrets masked; its body is empty where body says what it is
    body     TEXT    NOT NULL CHECK (body IN ('event', 'native')),
    error    TEXT    NOT NULL  -- why there is no request
) STRICT;
