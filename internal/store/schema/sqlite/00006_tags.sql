-- +goose Up

-- Tags of codes lie in rows by the first byte of their hashes, or loose (-1) until
-- there are enough of them to be put in order. Those of before (-2) are moved when
-- the database is opened.
CREATE TABLE sim_tag_sorted (
  code   TEXT NOT NULL,
  bucket INTEGER NOT NULL,
  first  INTEGER NOT NULL, -- id in the row
  tags   BLOB NOT NULL,
  PRIMARY KEY (code, bucket, first)
) STRICT;
INSERT INTO sim_tag_sorted SELECT code, -2, first, tags FROM sim_tag;
DROP TABLE sim_tag;
ALTER TABLE sim_tag_sorted RENAME TO sim_tag;

-- The same tags by their SIM, for codes that many SIMs share.
ALTER TABLE sim_secret ADD COLUMN tags BLOB NOT NULL DEFAULT x'';
