-- +goose Up

-- Tags of codes lie in rows by the first byte of their hashes, or loose (-1) until
-- there are enough of them to be put in order. Those of before (-2) are moved when
-- the database is opened.
ALTER TABLE sim_tag ADD COLUMN bucket bigint NOT NULL DEFAULT -2;
ALTER TABLE sim_tag ALTER COLUMN bucket DROP DEFAULT;
ALTER TABLE sim_tag DROP CONSTRAINT sim_tag_pkey;
ALTER TABLE sim_tag ADD PRIMARY KEY (code, bucket, first);

-- The same tags by their SIM, for codes that many SIMs share.
ALTER TABLE sim_secret ADD COLUMN tags bytea NOT NULL DEFAULT '';
