-- +goose Up

-- Reports that wait to be counted.
CREATE TABLE journal (
  id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  node    TEXT COLLATE "C" NOT NULL,
  at      BIGINT NOT NULL,
  reports BIGINT NOT NULL,
  body    BYTEA NOT NULL
);
-- It is read once and gone: to compress it takes more than it saves.
ALTER TABLE journal ALTER COLUMN body SET STORAGE EXTERNAL;

-- Reports that cannot be counted, for a person to look at.
CREATE TABLE set_aside (
  id   BIGINT PRIMARY KEY,
  at   BIGINT NOT NULL,
  why  TEXT COLLATE "C" NOT NULL,
  body BYTEA NOT NULL
);
