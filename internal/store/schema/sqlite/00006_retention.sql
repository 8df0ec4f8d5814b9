-- +goose Up

-- What is known of rows that are gone. One row.
CREATE TABLE upkeep (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    arrival     INTEGER NOT NULL, -- numbers up to these were given out before something was deleted
    delivery    INTEGER NOT NULL,
    quarantined INTEGER NOT NULL  -- bytes that quarantine takes
) STRICT;
INSERT INTO upkeep (id, arrival, delivery, quarantined)
    SELECT 1, 0, 0, coalesce(sum(length(body) + length(headers) + 256), 0) FROM quarantine;

-- Whether something refers to an arrival or a rendering still.
CREATE INDEX event_arrival ON event (arrival);
CREATE INDEX delivery_rendering ON delivery (rendering) WHERE rendering IS NOT NULL;

-- The last event that rules can have judged: those accepted later were judged by others.
ALTER TABLE rule_set ADD COLUMN last INTEGER NOT NULL DEFAULT 9223372036854775807;
