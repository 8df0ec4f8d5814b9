-- +goose Up

-- Mail addresses that were given through the API: nothing is sent to one, but a link to
-- open, until somebody opens it.
CREATE TABLE address (
    owner    text   NOT NULL, -- for what it was given
    mailbox  text   NOT NULL, -- in small letters
    hash     text   NOT NULL, -- SHA-256 of the last link's token, in hexadecimal digits; '' = none was made
    made     bigint NOT NULL, -- when that was; 0 = never
    mails    bigint NOT NULL, -- that a server took
    mailed   bigint NOT NULL, -- when it took the last; 0 = never
    tries    bigint NOT NULL, -- in a row that it did not
    due      bigint NOT NULL, -- when a mail is to be sent; 0 = none is
    error    text   NOT NULL, -- of the last try
    verified bigint NOT NULL, -- 0 = not yet
    PRIMARY KEY (owner, mailbox)
);
CREATE INDEX address_hash ON address (hash) WHERE hash <> '';
