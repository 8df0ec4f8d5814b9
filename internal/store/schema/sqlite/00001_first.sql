-- Times are microseconds since 1970, UTC. Lists and maps are JSON.
--
-- No check and no index of a table that every delivery is written to says IN with more than
-- two values: SQLite builds a table in memory for such a list each time that a statement
-- runs, which took a third of what writing a delivery and its attempt took.

-- +goose Up

-- What the store knows of itself: written_by is the version of the last bellbuoy
-- that opened it, owner the number of the last one: a lease with another number is void.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The rules that judged an event, kept while an event refers to them.
CREATE TABLE rule_set (
    id     INTEGER PRIMARY KEY,
    hash   TEXT NOT NULL UNIQUE,
    source BLOB NOT NULL
) STRICT;

-- One request of a registry. It may have carried several events.
CREATE TABLE arrival (
    seq       INTEGER PRIMARY KEY,
    registry  TEXT    NOT NULL,
    received  INTEGER NOT NULL,
    remote    TEXT    NOT NULL,
    headers   TEXT    NOT NULL,
    body      BLOB    NOT NULL, -- whole, or its beginning where truncated
    size      INTEGER NOT NULL, -- of the whole
    sha256    BLOB    NOT NULL, -- of the whole
    truncated INTEGER NOT NULL
) STRICT;

-- One event. seq is the order of acceptance. json is final once state is routed.
CREATE TABLE event (
    seq         INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL,
    arrival     INTEGER NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('held', 'routed')),
    held_for    TEXT    NOT NULL DEFAULT '',
    route_at    INTEGER NOT NULL DEFAULT 0,
    received    INTEGER NOT NULL,
    type        TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    registry    TEXT    NOT NULL,
    repository  TEXT    NOT NULL,
    digest      TEXT    NOT NULL,
    keys        TEXT    NOT NULL, -- what event_key is to have of it
    native_id   TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL, -- of the notification's own bytes
    repeats     INTEGER NOT NULL DEFAULT 0,
    conflicts   INTEGER NOT NULL DEFAULT 0, -- repeats with another fingerprint
    rule_set    INTEGER NOT NULL DEFAULT 0, -- 0 until routed
    matched     TEXT    NOT NULL DEFAULT '[]',
    json        BLOB    NOT NULL
) STRICT;
CREATE INDEX event_held ON event (route_at) WHERE state = 'held';

-- Where events are found by what they are. An index of the table would cost each
-- event a write at a random place for each of its keys, within the commit that a
-- registry waits for. These two are filled a little later, many events at a time;
-- meta's "indexed" is the seq up to which they are.

-- An event by its id; also how a repeat of a native id is told, so a row outlives its
-- event.
CREATE TABLE seen (
    event       INTEGER PRIMARY KEY, -- its seq
    id          TEXT    NOT NULL UNIQUE,
    fingerprint BLOB    NOT NULL,
    at          INTEGER NOT NULL
) STRICT;

-- Events by type, repository, digest, tag, native id, rule, target: key is a hash of the
-- name of one of these and the value, so that what is found must still be looked at.
CREATE TABLE event_key (
    key   INTEGER NOT NULL,
    event INTEGER NOT NULL,
    PRIMARY KEY (key, event)
) STRICT, WITHOUT ROWID;

-- One event on its way to one target. lease is the number of the process that may
-- attempt it now, 0 for none. Only rows that wait stand in the partial indexes, and
-- those handed from intake to delivery in memory stand in one of them.
CREATE TABLE delivery (
    seq        INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL,
    event      INTEGER NOT NULL,
    target     TEXT    NOT NULL,
    type       TEXT    NOT NULL,
    rule       TEXT    NOT NULL,
    rules      TEXT    NOT NULL,
    key        TEXT    NOT NULL, -- order within one target; '' for none
    state      TEXT    NOT NULL CHECK (state = 'waiting' OR state = 'delivered' OR state = 'parked' OR state = 'dead' OR state = 'expired'
        OR state = 'cancelled' OR state = 'skipped' OR state = 'shadowed' OR state = 'folded'),
    reason     TEXT    NOT NULL DEFAULT '',
    due        INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    lease      INTEGER NOT NULL DEFAULT 0,
    give_up    INTEGER NOT NULL,
    hold       INTEGER NOT NULL,           -- how long a retry may hold back its key; 0 = until it ends
    hold_until INTEGER NOT NULL DEFAULT 0, -- set by the first retry
    behind     INTEGER NOT NULL DEFAULT 0, -- 1 where an earlier one of its key is tried again
    resume     BLOB,
    ended      INTEGER NOT NULL DEFAULT 0 -- when it came to its end; while parked, when it was
) STRICT;
CREATE UNIQUE INDEX delivery_id ON delivery (id);
CREATE INDEX delivery_event ON delivery (event);
CREATE INDEX delivery_fresh ON delivery (target, seq) WHERE state = 'waiting' AND lease = 0 AND attempts = 0 AND behind = 0;
CREATE INDEX delivery_again ON delivery (target, due) WHERE state = 'waiting' AND lease = 0 AND attempts > 0;
CREATE INDEX delivery_key ON delivery (target, key, seq) WHERE state = 'waiting' AND lease = 0 AND key <> '';
CREATE INDEX delivery_behind ON delivery (target, key, seq) WHERE state = 'waiting' AND behind = 1;
CREATE INDEX delivery_retrying ON delivery (target, key, hold_until) WHERE state = 'waiting' AND attempts > 0;
CREATE INDEX delivery_hold ON delivery (target, hold_until) WHERE state = 'waiting' AND attempts > 0;
CREATE INDEX delivery_waiting ON delivery (target) WHERE state = 'waiting' AND lease = 0;
CREATE INDEX delivery_leased ON delivery (target, key, seq) WHERE lease <> 0;
CREATE INDEX delivery_parked ON delivery (target, seq) WHERE state = 'parked';

CREATE TABLE attempt (
    delivery INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    outcome  TEXT    NOT NULL CHECK (outcome = 'delivered' OR outcome = 'retry' OR outcome = 'permanent' OR outcome = 'throttled'),
    status   INTEGER NOT NULL,
    latency  INTEGER NOT NULL, -- microseconds
    request  TEXT    NOT NULL, -- secrets masked; its body is empty where it is the event's own JSON
    reply    TEXT    NOT NULL,
    scope    TEXT    NOT NULL,
    error    TEXT    NOT NULL,
    next     INTEGER NOT NULL, -- 0 where none is planned
    PRIMARY KEY (delivery, n)
) STRICT, WITHOUT ROWID;

-- Bodies that could not be read. The same bytes from the same registry are counted.
CREATE TABLE quarantine (
    seq       INTEGER PRIMARY KEY,
    id        TEXT    NOT NULL UNIQUE,
    registry  TEXT    NOT NULL,
    received  INTEGER NOT NULL, -- the first time
    last      INTEGER NOT NULL,
    remote    TEXT    NOT NULL,
    headers   TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    size      INTEGER NOT NULL,
    sha256    BLOB    NOT NULL,
    truncated INTEGER NOT NULL,
    count     INTEGER NOT NULL DEFAULT 1,
    body      BLOB    NOT NULL, -- the last, so that a list need not read past it
    UNIQUE (registry, sha256)
) STRICT;
CREATE INDEX quarantine_last ON quarantine (last, seq);

-- Counters by the hour: what is stored, what is only counted, what was refused.
CREATE TABLE tally (
    hour     INTEGER NOT NULL, -- hours since 1970
    registry TEXT    NOT NULL,
    what     TEXT    NOT NULL, -- stored, counted, duplicate, conflict, quarantined
    type     TEXT    NOT NULL, -- of the event; '' where none is known
    n        INTEGER NOT NULL,
    PRIMARY KEY (hour, registry, what, type)
) STRICT, WITHOUT ROWID;
