-- +goose Up

-- What is known of the person or the program behind an account.
CREATE TABLE account_detail (
  account_id TEXT PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  email      TEXT NOT NULL,
  first_name TEXT NOT NULL,
  last_name  TEXT NOT NULL,
  mobile     TEXT NOT NULL,
  allow_list TEXT NOT NULL
) WITHOUT ROWID, STRICT;

-- Bearer tokens of programs.
CREATE TABLE token (
  hash       BLOB PRIMARY KEY,
  id         INTEGER NOT NULL,
  account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  from_addr  TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX token_account ON token (account_id, id);
CREATE INDEX token_expiry ON token (expires_at);

CREATE TABLE portfolio_title (
  portfolio_no INTEGER PRIMARY KEY REFERENCES portfolio (no),
  parent       TEXT NOT NULL,
  title        TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX portfolio_title_parent ON portfolio_title (parent, title);

-- Attributes of SIMs. Of those that are fields of the SIM there is at most a
-- mark here; see sim.Attributes.
CREATE TABLE sim_attribute (
  id          INTEGER PRIMARY KEY,
  sim_id      INTEGER NOT NULL REFERENCES sim (id),
  name        TEXT NOT NULL,
  value       TEXT NOT NULL,
  deleted     INTEGER NOT NULL,
  modified_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sim_attribute_sim ON sim_attribute (sim_id, deleted, id);
CREATE UNIQUE INDEX sim_attribute_name ON sim_attribute (sim_id, name) WHERE deleted = 0;

-- Since when a SIM has been with its portfolio and on its package; without a
-- row, since it was taken into stock.
CREATE TABLE sim_assigned (
  sim_id       INTEGER PRIMARY KEY REFERENCES sim (id),
  portfolio_at INTEGER NOT NULL,
  package_at   INTEGER NOT NULL
) STRICT;

CREATE TABLE package_item (
  id         INTEGER PRIMARY KEY,
  package_id INTEGER NOT NULL REFERENCES package (id),
  category   INTEGER NOT NULL,
  bundle     INTEGER NOT NULL,
  price      INTEGER NOT NULL,
  round_in   INTEGER NOT NULL,
  round_out  INTEGER NOT NULL,
  countries  TEXT NOT NULL,
  deleted    INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX package_item_package ON package_item (package_id, id);

CREATE TABLE collection (
  id           INTEGER PRIMARY KEY,
  portfolio_no INTEGER NOT NULL REFERENCES portfolio (no),
  name         TEXT NOT NULL,
  title        TEXT NOT NULL,
  criteria     TEXT NOT NULL,
  n            INTEGER NOT NULL,
  deleted      INTEGER NOT NULL,
  created_at   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX collection_title ON collection (portfolio_no, title) WHERE deleted = 0;

CREATE TABLE collection_sim (
  collection_id INTEGER NOT NULL REFERENCES collection (id),
  iccid         TEXT NOT NULL,
  sim_id        INTEGER NOT NULL REFERENCES sim (id),
  PRIMARY KEY (collection_id, iccid)
) WITHOUT ROWID, STRICT;
CREATE INDEX collection_sim_sim ON collection_sim (sim_id);

-- Callers know the times of a SIM to the second.
DROP INDEX sim_state_activated;
DROP INDEX sim_state_terminated;
CREATE INDEX sim_state_activated ON sim_state (portfolio_no, (activated_at / 1000000), iccid) WHERE activated_at / 1000000 <> 0;
CREATE INDEX sim_state_terminated ON sim_state (portfolio_no, (terminated_at / 1000000), iccid) WHERE terminated_at / 1000000 <> 0;
