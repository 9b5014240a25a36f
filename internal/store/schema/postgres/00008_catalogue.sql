-- +goose Up

-- Rejects of a SIM for the same reason are one row, for as long as a minute.
ALTER TABLE access ADD COLUMN refusal TEXT COLLATE "C" NOT NULL DEFAULT ''; -- why not, in one word
ALTER TABLE access ADD COLUMN times BIGINT NOT NULL DEFAULT 1; -- how many answers the row stands for
ALTER TABLE access ADD COLUMN last_at BIGINT NOT NULL DEFAULT 0; -- the last of them; 0 for a row of one
CREATE INDEX access_reject ON access (sim_id, at, id) WHERE accepted = 0;

-- The attributes of everything but SIMs.
CREATE TABLE attribute (
  id          BIGINT PRIMARY KEY,
  kind        SMALLINT NOT NULL, -- of the holder: see tenant.HolderKind
  holder      TEXT COLLATE "C" NOT NULL, -- its id
  name        TEXT COLLATE "C" NOT NULL,
  value       TEXT COLLATE "C" NOT NULL,
  deleted     SMALLINT NOT NULL,
  modified_at BIGINT NOT NULL
);
CREATE INDEX attribute_holder ON attribute (kind, holder, deleted, id);
CREATE UNIQUE INDEX attribute_name ON attribute (kind, holder, name) WHERE deleted = 0;
