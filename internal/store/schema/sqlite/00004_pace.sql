-- +goose Up

-- The sends that are under way to targets with a rate: one row for each claim, from the
-- transaction that claims it to the one that records how it ended.
CREATE TABLE token (
    seq      INTEGER PRIMARY KEY,
    target   TEXT    NOT NULL,
    delivery INTEGER NOT NULL, -- its seq
    attempt  INTEGER NOT NULL  -- as claimed
) STRICT;
CREATE INDEX token_target ON token (target);
CREATE INDEX token_delivery ON token (delivery, attempt);

-- The sends that have ended, as long as they count. n of them ended at that time, or
-- before it where a rate allows so many that each by itself would be too many rows.
CREATE TABLE spent (
    seq    INTEGER PRIMARY KEY,
    target TEXT    NOT NULL,
    ended  INTEGER NOT NULL,
    n      INTEGER NOT NULL
) STRICT;
CREATE INDEX spent_target ON spent (target, ended);

-- The seq of the delivery that tells of this one among others; this one ends as that does.
-- 0 where a process was killed that may have sent it: it is repeated as it was, if at all.
ALTER TABLE delivery ADD COLUMN digest INTEGER;
CREATE INDEX delivery_digest ON delivery (digest) WHERE digest > 0;
-- Of a delivery that tells of others: the state that they were last given the like of.
ALTER TABLE delivery ADD COLUMN told TEXT;
CREATE INDEX delivery_told ON delivery (seq) WHERE told <> state;
