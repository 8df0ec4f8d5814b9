-- +goose Up

-- Mail addresses that were given through the API: nothing is sent to one, but a link to
-- open, until somebody opens it.
CREATE TABLE address (
    owner    TEXT    NOT NULL, -- for what it was given
    mailbox  TEXT    NOT NULL, -- in small letters
    hash     TEXT    NOT NULL, -- SHA-256 of the last link's token, in hexadecimal digits; '' = none was made
    made     INTEGER NOT NULL, -- when that was; 0 = never
    mails    INTEGER NOT NULL, -- that a server took
    mailed   INTEGER NOT NULL, -- when it took the last; 0 = never
    tries    INTEGER NOT NULL, -- in a row that it did not
    due      INTEGER NOT NULL, -- when a mail is to be sent; 0 = none is
    error    TEXT    NOT NULL, -- of the last try
    verified INTEGER NOT NULL, -- 0 = not yet
    PRIMARY KEY (owner, mailbox)
) STRICT, WITHOUT ROWID;
CREATE INDEX address_hash ON address (hash) WHERE hash <> '';
