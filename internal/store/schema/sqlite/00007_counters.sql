-- +goose Up

-- How many deliveries to each target are in each state, and how many ever came into it,
-- so that nobody has to count them. The usual ones, which are leased as they are written
-- and delivered while they are, are added up for each commit; all others are counted by
-- the triggers below, whatever statement changes them.
CREATE TABLE standing (
    target  TEXT    NOT NULL,
    state   TEXT    NOT NULL,
    type    TEXT    NOT NULL, -- of the target, when one of them was planned
    n       INTEGER NOT NULL,
    entered INTEGER NOT NULL,
    PRIMARY KEY (target, state)
) STRICT, WITHOUT ROWID;

-- How many deliveries came to which end in which hour, counted the same way.
CREATE TABLE ended (
    hour   INTEGER NOT NULL, -- hours since 1970
    target TEXT    NOT NULL,
    state  TEXT    NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (hour, target, state)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER delivery_planned AFTER INSERT ON delivery WHEN new.lease = 0
BEGIN
    INSERT INTO standing (target, state, type, n, entered) VALUES (new.target, new.state, new.type, 1, 1)
    ON CONFLICT (target, state) DO UPDATE SET n = n + 1, entered = entered + 1, type = excluded.type;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER delivery_moved AFTER UPDATE OF state ON delivery
WHEN old.state <> new.state AND NOT (old.lease <> 0 AND new.state = 'delivered')
BEGIN
    INSERT INTO standing (target, state, type, n, entered) VALUES (old.target, old.state, old.type, -1, 0)
    ON CONFLICT (target, state) DO UPDATE SET n = n - 1;
    INSERT INTO standing (target, state, type, n, entered) VALUES (new.target, new.state, new.type, 1, 1)
    ON CONFLICT (target, state) DO UPDATE SET n = n + 1, entered = entered + 1, type = excluded.type;
    INSERT INTO ended (hour, target, state, n)
    SELECT new.ended / 3600000000, new.target, new.state, 1 WHERE new.state NOT IN ('waiting', 'parked') AND new.ended <> 0
    ON CONFLICT (hour, target, state) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd

-- What is folded has ended when the delivery that tells of it has.
-- +goose StatementBegin
CREATE TRIGGER delivery_told AFTER UPDATE OF ended ON delivery
WHEN old.state = 'folded' AND new.state = 'folded' AND old.ended = 0 AND new.ended <> 0
BEGIN
    INSERT INTO ended (hour, target, state, n) VALUES (new.ended / 3600000000, new.target, new.state, 1)
    ON CONFLICT (hour, target, state) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER delivery_forgotten AFTER DELETE ON delivery
BEGIN
    INSERT INTO standing (target, state, type, n, entered) VALUES (old.target, old.state, old.type, -1, 0)
    ON CONFLICT (target, state) DO UPDATE SET n = n - 1;
END;
-- +goose StatementEnd

INSERT INTO standing (target, state, type, n, entered)
SELECT target, state, max(type), count(*), count(*) FROM delivery GROUP BY target, state;
INSERT INTO ended (hour, target, state, n)
SELECT ended / 3600000000, target, state, count(*) FROM delivery
WHERE state NOT IN ('waiting', 'parked') GROUP BY 1, 2, 3;

-- The first and the last event that came in each minute, so that a time says where in
-- the order of acceptance to look. The clock may have been set: minutes may overlap.
CREATE TABLE minute (
    minute INTEGER PRIMARY KEY, -- minutes since 1970
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL
) STRICT;
INSERT INTO minute (minute, first, last)
SELECT received / 60000000, min(seq), max(seq) FROM event GROUP BY 1;

-- Where the events are whose deliveries are in a state that few are in. What is handed
-- over in memory and delivered, as most are, is in none of these.
CREATE INDEX delivery_rare ON delivery (state, event) WHERE state NOT IN ('waiting', 'delivered');
CREATE INDEX delivery_rare_target ON delivery (target, state, event) WHERE state NOT IN ('waiting', 'delivered');
CREATE INDEX delivery_backlog ON delivery (event) WHERE state = 'waiting' AND lease = 0;
