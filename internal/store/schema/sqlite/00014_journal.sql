-- +goose Up

-- Up to where the journal is counted. Its file has the same name inside: another
-- one is never counted for this one.
CREATE TABLE journal_mark (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  journal  TEXT NOT NULL,
  position INTEGER NOT NULL
) STRICT;

-- Reports that cannot be counted, for a person to look at.
CREATE TABLE set_aside (
  id   INTEGER PRIMARY KEY,
  at   INTEGER NOT NULL,
  why  TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;
