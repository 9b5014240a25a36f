-- +goose Up

-- Rejects of a SIM for the same reason are one row, for as long as a minute.
ALTER TABLE access ADD COLUMN refusal TEXT NOT NULL DEFAULT ''; -- why not, in one word
ALTER TABLE access ADD COLUMN times INTEGER NOT NULL DEFAULT 1; -- how many answers the row stands for
ALTER TABLE access ADD COLUMN last_at INTEGER NOT NULL DEFAULT 0; -- the last of them; 0 for a row of one
CREATE INDEX access_reject ON access (sim_id, at, id) WHERE accepted = 0;
