-- +goose Up

-- How messages are made, where a rule says otherwise than its target.
CREATE TABLE rendering (
    id     INTEGER PRIMARY KEY,
    hash   BLOB NOT NULL UNIQUE, -- SHA-256 of source
    source TEXT NOT NULL
) STRICT;
ALTER TABLE delivery ADD COLUMN rendering INTEGER; -- NULL: as the target says

-- What an attempt's request has as its body where that is empty: 'event', the event's
-- own JSON, or 'native', the arrival's.
ALTER TABLE attempt ADD COLUMN body TEXT NOT NULL DEFAULT 'event' CHECK (body IN ('event', 'native'));
