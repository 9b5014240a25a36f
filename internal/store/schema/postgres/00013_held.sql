-- +goose Up

-- The request with this key is under way until then, outside of a transaction;
-- after that, nobody knows what became of it. 0 when it is answered.
ALTER TABLE idempotency ADD COLUMN held_until BIGINT NOT NULL DEFAULT 0;
