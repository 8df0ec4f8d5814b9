-- +goose Up

-- A sum over what a delivery is made of: damage to the file must not be sent. NULL for
-- those that were planned before there was one.
ALTER TABLE delivery ADD COLUMN sum INTEGER;
