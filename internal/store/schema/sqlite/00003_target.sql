-- +goose Up

-- What its answers have made of a target. A target without a row has never failed.
-- Times are 0 where they do not apply.
CREATE TABLE target (
    name      TEXT    PRIMARY KEY,
    retries   INTEGER NOT NULL, -- attempts in a row that are to be made again
    open      INTEGER NOT NULL, -- since when its circuit is open
    probe     INTEGER NOT NULL, -- then: when the next probe may be sent
    wait      INTEGER NOT NULL, -- then: between a probe and the next
    paused    INTEGER NOT NULL, -- until when it asked to be left alone
    failures  INTEGER NOT NULL, -- deliveries in a row that ended dead
    disabled  INTEGER NOT NULL, -- since when
    why       TEXT    NOT NULL, -- it is disabled, or its circuit open
    releasing INTEGER NOT NULL, -- 1 while it is disabled and its deliveries are being released
    marked    INTEGER NOT NULL, -- since when its options are known to be wrong
    mark      TEXT    NOT NULL, -- by which answer
    lost      INTEGER NOT NULL, -- how long circuits of it were open, without the one that is
    said      TEXT    NOT NULL  -- type of the event that told of it last
) STRICT, WITHOUT ROWID;

-- When bellbuoy last raised an event of that type about that object.
CREATE TABLE raised (
    type  TEXT    NOT NULL,
    about TEXT    NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (type, about)
) STRICT, WITHOUT ROWID;

-- Attempts that found the target's circuit open, and that attempts does not count.
ALTER TABLE delivery ADD COLUMN probes INTEGER NOT NULL DEFAULT 0;

-- give_up and hold_until are by the target's own clock: the time without what its open
-- circuits took (target.lost, and the time since target.open).

CREATE INDEX delivery_parked_since ON delivery (target, ended) WHERE state = 'parked';
